import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type Backend, createBackend } from './backend.ts';
import {
  ecKeys,
  type Issued,
  issueAuthority,
  issueCertificate,
  name,
  subjectAltName,
} from './certificates.ts';
import {
  endAll,
  freePorts,
  freshDirectory,
  listenAnywhere,
  listenOn,
  type Ports,
  type Serving,
  type Started,
  serve,
  statusOf,
  threePorts,
  until,
  writeFiles,
} from './process.ts';

/** What users copy, in a folder for each gateway. */
export const recipes = join(import.meta.dirname, '..', '..', 'gateways');

/** A real gateway with its shipped recipe, the built service, and a backend that verifies. */
export interface GatewayLab {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly backend: Backend;
  /** Trusted by the gateway and by Countersign for clients; `server` is the gateway's own. */
  readonly clientAuthority: Issued;
  readonly server: Issued;
  /** Connections that the gateway made to Countersign so far. */
  readonly connections: () => number;
  /** The process that serves now. */
  readonly countersign: () => Serving;
  /** Ends it, and waits for that: at once, unless another signal is given. */
  readonly stopCountersign: (signal?: NodeJS.Signals) => Promise<void>;
  readonly startCountersign: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Ports on loopback, for recipes that name none: Kubernetes has services there. */
export interface GatewayPorts {
  /** Where the gateway listens. */
  readonly http: number;
  readonly https: number;
  /** Where it finds Countersign, and the backend. */
  readonly countersign: number;
  readonly backend: number;
}

/** Starts the program; `home` has `countersign/` (the recipe, nothing changed but addresses) and `tls/`. */
export type StartGateway = (home: string, ports: GatewayPorts) => Started;

/**
 * @param gateway the folder of its recipe
 * @param profile where it is not named like the gateway
 * @param settings the configuration of Countersign, without issuer and listeners
 */
export async function startGatewayLab({
  gateway,
  profile = gateway,
  settings,
  startGateway,
}: {
  readonly gateway: string;
  readonly profile?: string;
  readonly settings: string;
  readonly startGateway: StartGateway;
}): Promise<GatewayLab> {
  const directory = freshDirectory();
  const ports = await threePorts();
  const [httpPort = 0, httpsPort = 0, counterPort = 0, freePort = 0] = await freePorts(4);
  const grpcPort = profile === 'envoy_grpc' ? freePort : undefined;
  const issuer = `http://127.0.0.1:${ports.public}`;
  const clientAuthority = issueAuthority({ subject: name({ CN: 'Clients' }), ...ec() });
  const server = issueServerCertificate();
  const backend = createBackend({ jwksUrl: `${issuer}/jwks`, issuer });
  const backendPort = await listenAnywhere(backend.server);
  const counter = createCounter(counterPort, grpcPort ?? ports.auth);
  writeFiles(directory, {
    'clients-ca.pem': clientAuthority.pem,
    'home/tls/server.pem': server.pem,
    'home/tls/server.key': keyOf(server),
    // HAProxy wants both in one file.
    'home/tls/server-and-key.pem': server.pem + keyOf(server),
    'home/tls/clients-ca.pem': clientAuthority.pem,
  });
  const home = join(directory, 'home');
  copyRecipe(gateway, join(home, 'countersign'), [
    ['127.0.0.1:8080', `127.0.0.1:${counterPort}`],
    ['127.0.0.1:3000', `127.0.0.1:${backendPort}`],
    ['127.0.0.1:8000', `127.0.0.1:${httpPort}`],
    ['127.0.0.1:8443', `127.0.0.1:${httpsPort}`],
    // Envoy names hosts and ports apart,
    ['port_value: 8080', `port_value: ${counterPort}`],
    ['port_value: 9001', `port_value: ${counterPort}`],
    ['port_value: 3000', `port_value: ${backendPort}`],
    ['port_value: 8000', `port_value: ${httpPort}`],
    ['port_value: 8443', `port_value: ${httpsPort}`],
    // Lua too,
    ['"127.0.0.1", 8080', `"127.0.0.1", ${counterPort}`],
    // and Caddy binds apart from the port.
    ['://:8000', `://:${httpPort}`],
    ['://:8443', `://:${httpsPort}`],
  ]);
  const startCountersign = async () => {
    const serving = await serve(() => configure(issuer, ports, settings, grpcPort), {
      directory,
      ports,
    });
    await counter.open();
    return serving;
  };
  let countersign = await startCountersign();
  const program = startGateway(home, {
    ...{ http: httpPort, https: httpsPort },
    ...{ countersign: counterPort, backend: backendPort },
  });
  // Traefik listens before it knows its routes.
  const served = async () => ((await statusOf({ port: httpPort, path: '/' })) ?? 404) !== 404;
  await until(served, program);

  return {
    httpPort,
    httpsPort,
    backend,
    clientAuthority,
    server,
    connections: counter.count,
    countersign: () => countersign,
    async stopCountersign(signal = 'SIGKILL') {
      countersign.kill(signal);
      await countersign.ended;
      counter.close();
    },
    async startCountersign() {
      countersign = await startCountersign();
    },
    async close() {
      program.kill('SIGTERM');
      await program.ended;
      backend.server.closeAllConnections();
      backend.server.close();
      counter.close();
      await endAll();
    },
  };
}

function copyRecipe(
  gateway: string,
  to: string,
  addresses: readonly (readonly [string, string])[],
): void {
  cpSync(join(recipes, gateway), to, { recursive: true });
  for (const file of readdirSync(to).map((entry) => join(to, entry))) {
    if (!statSync(file).isFile()) continue;
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      addresses.reduce((changed, [from, into]) => changed.replaceAll(from, into), text),
    );
  }
}

function keyOf({ privateKey }: Issued): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function configure(
  issuer: string,
  ports: Ports,
  settings: string,
  grpcPort: number | undefined,
): string {
  return `
issuer: ${issuer}
${listenOn(ports)}
${grpcPort === undefined ? '' : `  grpc: 127.0.0.1:${grpcPort}`}
${settings}`;
}

function ec() {
  return { keys: ecKeys(), signature: 'ecdsa-sha256' } as const;
}

function issueServerCertificate(): Issued {
  const extensions = [subjectAltName(['dns', 'api.example.com'])];
  return issueCertificate({ subject: name({ CN: 'api.example.com' }), extensions, ...ec() });
}

/** Passes bytes through and counts connections; refuses them while it is closed. */
function createCounter(from: number, to: number) {
  let connections = 0;
  const open = new Set<{ destroy(): void }>();
  const server = createServer((incoming) => {
    connections++;
    const outgoing = connect(to, '127.0.0.1');
    for (const socket of [incoming, outgoing]) open.add(socket);
    incoming.pipe(outgoing).pipe(incoming);
    incoming.on('error', () => outgoing.destroy()).on('close', () => outgoing.destroy());
    outgoing.on('error', () => incoming.destroy()).on('close', () => incoming.destroy());
  });
  return {
    count: () => connections,
    open: () => new Promise<void>((resolve) => server.listen(from, '127.0.0.1', resolve)),
    close() {
      server.close();
      for (const socket of open) socket.destroy();
      open.clear();
    },
  };
}
