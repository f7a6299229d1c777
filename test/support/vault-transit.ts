import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signMessage,
} from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { json } from 'node:stream/consumers';
import { signEcdsa, signPkcs1, signPss } from './digest-signatures.ts';
import { listenAnywhere } from './process.ts';

/**
 * What Vault and OpenBao answer for keys of the Transit engine mounted at `transit`: statuses, members
 * and messages are those that OpenBao 2.7 gave.
 */
export interface Vault {
  readonly address: string;
  /** The one token that is taken. */
  token: string;
  readonly createKey: (name: string, type?: KeyType) => void;
  readonly rotate: (name: string) => void;
  /** `min_decryption_version`, `min_encryption_version`. */
  readonly configure: (name: string, settings: Partial<Bounds>) => void;
  /** Answers instead, as long as it is set. */
  disturb: Disturbance | undefined;
  /** What was asked so far, oldest first. */
  readonly calls: Call[];
  readonly close: () => Promise<void>;
}

/** @returns whether it took the answer in hand */
export type Disturbance = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: SignBody;
}

interface SignBody {
  readonly input?: string;
  readonly prehashed?: boolean;
  readonly key_version?: number;
  readonly signature_algorithm?: string;
  readonly marshaling_algorithm?: string;
  readonly salt_length?: string;
}

const types = {
  'rsa-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'ecdsa-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'ecdsa-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  'ecdsa-p521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
  'aes256-gcm96': () => undefined,
};
export type KeyType = keyof typeof types;

interface Bounds {
  min_decryption_version: number;
  min_encryption_version: number;
}

interface TransitKey extends Bounds {
  readonly type: KeyType;
  readonly versions: { readonly key: KeyObject | undefined; readonly creation_time: string }[];
}

export interface VaultOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** PEM; plain HTTP when absent. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export async function startVault({ now = Date.now, tls }: VaultOptions = {}): Promise<Vault> {
  const keys = new Map<string, TransitKey>();
  const calls: Call[] = [];
  const find = (name: string) => {
    const key = keys.get(name);
    if (key === undefined) throw new Error(`no key ${name}`);
    return key;
  };
  const rotate = (name: string) => {
    const { type, versions } = find(name);
    versions.push({ key: types[type](), creation_time: new Date(now()).toISOString() });
  };

  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request;
    const body = method === 'POST' ? ((await json(request)) as SignBody) : {};
    calls.push({ method, path: url, headers, body });
    if (vault.disturb?.(request, response)) return;
    // A disturbance may have changed what was asked.
    const asked = `${method} ${request.url}`;
    const allowed = headers['x-vault-token'] === vault.token;
    const answer = allowed ? route(keys, asked, body) : permissionDenied;
    response.statusCode = answer.status;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(answer.body));
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  const port = await listenAnywhere(server);
  const vault: Vault = {
    address: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    token: 'vault-token-1',
    createKey(name, type = 'ecdsa-p256') {
      keys.set(name, { type, versions: [], min_decryption_version: 1, min_encryption_version: 0 });
      rotate(name);
    },
    rotate,
    configure: (name, settings) => void Object.assign(find(name), settings),
    disturb: undefined,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return vault;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

const permissionDenied: Answer = { status: 403, body: { errors: ['permission denied'] } };
const failed = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } });
const data = (content: object): Answer => ({
  status: 200,
  body: { request_id: 'x', lease_id: '', renewable: false, lease_duration: 0, data: content },
});

function route(keys: ReadonlyMap<string, TransitKey>, line: string, body: SignBody): Answer {
  const [, reading] = /^GET \/v1\/transit\/keys\/(\w+)$/.exec(line) ?? [];
  if (reading !== undefined) {
    const key = keys.get(reading);
    return key ? data(describe(reading, key)) : failed(404);
  }
  const [, name = '', bits = '256'] =
    /^POST \/v1\/transit\/sign\/(\w+)(?:\/sha2-(\d+))?$/.exec(line) ?? [];
  if (name === '') return failed(404, 'no handler for route. route entry not found.');
  const key = keys.get(name);
  return key ? sign(key, `sha${bits}`, body) : failed(400, 'signing key not found');
}

function describe(name: string, { type, versions, ...bounds }: TransitKey): object {
  const { min_decryption_version: oldest } = bounds;
  const shown = versions.map((version, index) => [index + 1, version] as const);
  return {
    ...{ name, type, ...bounds, derived: false, exportable: false, deletion_allowed: false },
    supports_signing: type !== 'aes256-gcm96',
    latest_version: versions.length,
    min_available_version: 0,
    keys: Object.fromEntries(
      shown
        .filter(([number]) => number >= oldest)
        .map(([number, { key, creation_time }]) => [
          String(number),
          key
            ? { name: type, creation_time, certificate_chain: '', public_key: publicPart(key) }
            : Math.floor(Date.parse(creation_time) / 1000),
        ]),
    ),
  };
}

function publicPart(key: KeyObject): string {
  const part = createPublicKey(key);
  if (key.asymmetricKeyType !== 'ed25519')
    return String(part.export({ format: 'pem', type: 'spki' }));
  return Buffer.from(part.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}

function sign(transit: TransitKey, hash: string, body: SignBody): Answer {
  const { versions, min_decryption_version: oldest, min_encryption_version: least } = transit;
  const number = body.key_version || versions.length;
  if (number > versions.length) {
    return failed(500, 'requested version for signing is higher than the latest key version');
  }
  if (number < least) {
    return failed(
      500,
      'requested version for signing is less than the minimum encryption key version',
    );
  }
  const key = number < oldest ? undefined : versions[number - 1]?.key;
  if (key === undefined) return failed(500, 'no such key version');
  // Without it Vault answers in ASN.1, which nothing here asks for.
  if (body.marshaling_algorithm !== 'jws') return failed(500, 'only jws is doubled');
  const signature = makeSignature(key, hash, body).toString('base64url');
  return data({ key_version: number, signature: `vault:v${number}:${signature}` });
}

function makeSignature(key: KeyObject, hash: string, body: SignBody): Buffer {
  const input = Buffer.from(body.input ?? '', 'base64');
  if (key.asymmetricKeyType === 'ed25519') return signMessage(null, input, key);
  const digest = body.prehashed ? input : createHash(hash).update(input).digest();
  if (key.asymmetricKeyType === 'ec') return signEcdsa(key, digest);
  if (body.signature_algorithm === 'pkcs1v15') return signPkcs1(key, hash, digest);
  return signPss(key, hash, digest, body.salt_length === 'hash' ? digest.length : undefined);
}
