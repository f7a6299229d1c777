import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  isOpen,
  listenAnywhere,
  type Ports,
  type Started,
  serve,
  start,
  threePorts,
  until,
  writeFiles,
} from './process.ts';

const recipe = join(import.meta.dirname, '..', '..', 'gateways', 'nginx');

/** nginx with the shipped recipe, the built service, and a backend that verifies. */
export interface NginxLab {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly backend: Backend;
  /** Trusted by nginx and by Countersign for clients; `server` is nginx's own certificate. */
  readonly clientAuthority: Issued;
  readonly server: Issued;
  /** Connections that nginx made to Countersign so far. */
  readonly connections: () => number;
  readonly stopCountersign: () => Promise<void>;
  readonly startCountersign: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @param settings the configuration of Countersign, without issuer, listeners and keys */
export async function startNginxLab(settings: string): Promise<NginxLab> {
  const directory = freshDirectory();
  const ports = await threePorts();
  const [httpPort = 0, httpsPort = 0] = await freePorts(2);
  const issuer = `http://127.0.0.1:${ports.public}`;
  const clientAuthority = issueAuthority({ subject: name({ CN: 'Clients' }), ...ec() });
  const server = issueServerCertificate();
  const backend = createBackend({ jwksUrl: `${issuer}/jwks`, issuer });
  const backendPort = await listenAnywhere(backend.server);
  const counter = createCounter(ports.auth);
  const counterPort = await listenAnywhere(counter.server);
  writeFiles(directory, { 'clients-ca.pem': clientAuthority.pem });
  const startCountersign = () =>
    serve(() => configure(issuer, ports, settings), { directory, ports });
  let countersign = await startCountersign();
  const nginx = startNginx(directory, { clientAuthority, server }, [
    ['127.0.0.1:8080', `127.0.0.1:${counterPort}`],
    ['127.0.0.1:3000', `127.0.0.1:${backendPort}`],
    ['127.0.0.1:8000', `127.0.0.1:${httpPort}`],
    ['127.0.0.1:8443', `127.0.0.1:${httpsPort}`],
  ]);
  await until(() => isOpen(httpPort), nginx);

  return {
    httpPort,
    httpsPort,
    backend,
    clientAuthority,
    server,
    connections: counter.count,
    async stopCountersign() {
      countersign.kill('SIGKILL');
      await countersign.ended;
    },
    async startCountersign() {
      countersign = await startCountersign();
    },
    async close() {
      nginx.kill('SIGTERM');
      await nginx.ended;
      backend.server.closeAllConnections();
      backend.server.close();
      counter.close();
      await endAll();
    },
  };
}

function configure(issuer: string, ports: Ports, settings: string): string {
  return `
issuer: ${issuer}
listen:
  auth: 127.0.0.1:${ports.auth}
  public: 127.0.0.1:${ports.public}
  ops: 127.0.0.1:${ports.ops}
${settings}`;
}

/** The shipped files, with nothing changed but addresses. */
function startNginx(
  directory: string,
  { clientAuthority, server }: { clientAuthority: Issued; server: Issued },
  addresses: readonly (readonly [string, string])[],
): Started {
  const home = join(directory, 'nginx');
  cpSync(recipe, join(home, 'countersign'), { recursive: true });
  mkdirSync(join(home, 'tls'));
  writeFileSync(join(home, 'tls', 'server.pem'), server.pem);
  writeFileSync(
    join(home, 'tls', 'server.key'),
    server.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  writeFileSync(join(home, 'tls', 'clients-ca.pem'), clientAuthority.pem);
  for (const file of ['http.conf', 'example.conf']) {
    const path = join(home, 'countersign', file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      addresses.reduce((changed, [from, to]) => changed.replaceAll(from, to), text),
    );
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const settings = `
daemon off;
pid ${home}/nginx.pid;
error_log stderr;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  client_max_body_size 20m;
  ${temporary.map((kind) => `${kind}_temp_path ${home}/${kind};`).join(' ')}
  include countersign/example.conf;
}
`;
  writeFileSync(join(home, 'nginx.conf'), settings);
  return start('nginx', ['-p', home, '-c', join(home, 'nginx.conf'), '-e', 'stderr'], {
    cwd: home,
  });
}

function ec() {
  return { keys: ecKeys(), signature: 'ecdsa-sha256' } as const;
}

function issueServerCertificate(): Issued {
  const extensions = [subjectAltName(['dns', 'api.example.com'])];
  return issueCertificate({ subject: name({ CN: 'api.example.com' }), extensions, ...ec() });
}

/** Passes bytes through and counts connections. */
function createCounter(port: number) {
  let connections = 0;
  const open = new Set<{ destroy(): void }>();
  const server = createServer((incoming) => {
    connections++;
    const outgoing = connect(port, '127.0.0.1');
    for (const socket of [incoming, outgoing]) open.add(socket);
    incoming.pipe(outgoing).pipe(incoming);
    incoming.on('error', () => outgoing.destroy()).on('close', () => outgoing.destroy());
    outgoing.on('error', () => incoming.destroy()).on('close', () => incoming.destroy());
  });
  return {
    server,
    count: () => connections,
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
