import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { assemble, type Service, type ServiceDeps } from '../../src/assemble/assemble.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { gatewayProfiles } from '../../src/config/schema/gateways.ts';
import type { Decision, JsonObject } from '../../src/exchange/types.ts';
import { generatePrivateKey } from '../../src/keys/generate.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { fixedKeys, readKeyRing } from '../../src/keys/open-keys.ts';
import { createGatewayListener, createListener } from '../../src/listen.ts';
import { createMemoryRevocations } from '../../src/state/memory-revocations.ts';
import { listenAnywhere } from './process.ts';

export interface TestService {
  /** Port of the auth listener on 127.0.0.1. */
  readonly authPort: number;
  /** Port of the public listener on 127.0.0.1. */
  readonly publicPort: number;
  /** Every decision so far, oldest first. */
  readonly decisions: readonly Decision[];
  /** Everything logged so far. */
  readonly logged: readonly { readonly fields: object; readonly message: string }[];
  /** Moves the service's clock, in seconds. */
  readonly advance: (seconds: number) => void;
  /** Answers a gRPC check, where one is configured. */
  readonly check: Service['check'];
  /** Asks as a gateway would; header lines are sent exactly as given, in turn name and value. */
  readonly ask: (path: string, headers: readonly string[], method?: string) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** One RSA key for all tests of a file: making one takes a while. */
const sharedKey = generatePrivateKey('RS256');

const openSharedKey: ServiceDeps['openKeys'] = async (settings) =>
  fixedKeys(
    'directory' in settings ? createKeyRing([await sharedKey]) : await readKeyRing(settings),
  );

export interface ServiceOptions {
  /** Where the configuration is said to be; file names in it start there. */
  readonly file?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly openKeys?: ServiceDeps['openKeys'];
}

/**
 * Builds the service from configuration text and serves it on free ports of this machine, in this
 * process, with a clock that can be moved.
 */
export async function startService(
  text: string,
  { file = 'countersign.yaml', env = {}, openKeys = openSharedKey }: ServiceOptions = {},
): Promise<TestService> {
  let shift = 0;
  const decisions: Decision[] = [];
  const logged: { fields: object; message: string }[] = [];
  const write = (fields: object, message: string) => {
    logged.push({ fields, message });
  };
  const loaded = loadConfiguration({ text, file, env });
  const service = await assemble(loaded, {
    now: () => Date.now() + shift,
    log: { info: write, warn: write },
    onDecision: (_gateway, decision) => decisions.push(decision),
    onError: (error) => write({ error }, 'a request failed'),
    openRevocations: async (_settings, rules) => createMemoryRevocations(rules),
    openKeys,
  });
  const { listen } = loaded.configuration;
  const auth = createGatewayListener(service.auth, { tls: listen.auth.tls });
  const open = createListener(service.public, {});
  const [authPort, publicPort] = await Promise.all([listenAnywhere(auth), listenAnywhere(open)]);
  await service.start();
  return {
    authPort,
    publicPort,
    decisions,
    logged,
    check: service.check,
    advance: (seconds) => {
      shift += seconds * 1000;
    },
    ask: (path, headers, method = 'GET') => send({ port: authPort, path, method, headers }),
    async close() {
      await service.close();
      for (const server of [auth, open]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** Sends header lines as they are, duplicates and odd spellings included. */
export function send({
  port,
  path,
  method = 'GET',
  headers = [],
  body,
}: {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        agent: false,
        setHost: false,
        headers: [...headers] as never,
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            rawHeaders: res.rawHeaders,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

/** The claims of a token, not verified. */
export function claimsOf(jwt: string | string[] | undefined): JsonObject {
  const payload = String(jwt).split('.')[1] ?? '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
}

/** Header lines as nginx sends them. */
export function nginxHeaders(url = 'https://api.example.com/orders', method = 'GET'): string[] {
  return ['X-Original-Method', method, 'X-Original-URL', url];
}

/** Header lines as Traefik, Caddy, HAProxy, Apache and APISIX send them. */
export function forwardedHeaders(url = 'https://api.example.com/orders', method = 'GET'): string[] {
  const [, proto = '', host = '', uri = ''] = /^(\w+):\/\/([^/]*)(.*)$/s.exec(url) ?? [];
  return [
    ...['X-Forwarded-Method', method, 'X-Forwarded-Proto', proto],
    ...['X-Forwarded-Host', host, 'X-Forwarded-Uri', uri],
  ];
}

/** A JWT of which only the shape counts: its signature is not one. */
export function unsignedJwt(claims: object, header: object = { alg: 'RS256' }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.c2lnbmF0dXJl`;
}

/** The profiles of gateways that ask over HTTP. */
export const httpProfiles = gatewayProfiles.filter((profile) => profile !== 'envoy_grpc');
