import { createHash } from 'node:crypto';
import { generatePrivateKey } from '../../src/keys/generate.ts';
import { createKeyRing, type KeyRing } from '../../src/keys/key-ring.ts';
import { createPublicApp, type PublicAppDeps } from '../../src/public/app.ts';
import type { Client } from '../../src/public/client-authentication.ts';
import { createPublicCounts } from '../../src/public/counts.ts';
import type { PublicEvent } from '../../src/public/log.ts';
import { createSeenAssertions } from '../../src/public/seen-assertions.ts';
import { createMemoryRevocations } from '../../src/state/memory-revocations.ts';
import { createOwnTokenVerifier } from '../../src/tokens/verify.ts';

export const issuer = 'https://countersign.example.com';
export const now = 1_800_000_000_000;
export const keyRing = createKeyRing([
  await generatePrivateKey('ES256'),
  await generatePrivateKey('HS256'),
]);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const introspects = {
  may: ['introspect'],
  audiences: ['orders'],
  secretSha256: undefined,
  secretHash: undefined,
  keys: undefined,
  rate: { count: 1000, per: 1000 },
} as const;
/** Never checked for real: the tests' own check knows its password. */
export const slowHash =
  '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b/dWRWJTmaaJObG';

/** A client of which a test says what authenticates it. */
export function clientWith(changes: Partial<Client> & Pick<Client, 'id'>): Client {
  return { ...introspects, ...changes };
}

export const clients: PublicAppDeps['clients'] = [
  { ...introspects, id: 'orders', secretSha256: sha256('orders-secret') },
  { ...introspects, id: 'wide', secretSha256: sha256('wide-secret'), audiences: 'any' },
  { ...introspects, id: 'a:b c', secretSha256: sha256('p+:% d') },
  { ...introspects, id: 'revoker', secretSha256: sha256('revoker-secret'), may: [] },
  { ...introspects, id: 'seller', secretSha256: sha256('seller-secret'), may: ['revoke'] },
  {
    ...introspects,
    id: 'incident',
    secretSha256: sha256('incident-secret'),
    may: ['revoke-any', 'introspect'],
    audiences: 'any',
  },
  { ...introspects, id: 'slow', secretHash: slowHash },
  { ...introspects, id: 'public' },
];

/** The public listener as the tests know it, and what it logged. */
export function createTestApp(changes: Partial<PublicAppDeps> = {}) {
  const events: PublicEvent[] = [];
  const counts = createPublicCounts();
  const app = createPublicApp({
    issuer,
    keyRing,
    jwksMaxAge: 300_000,
    clients,
    verify: createOwnTokenVerifier({
      issuer: changes.issuer ?? issuer,
      keyRing: changes.keyRing ?? keyRing,
      now: () => now,
    }),
    verifyPassword: async (_hash, password) => password === 'slow-secret',
    seenAssertions: createSeenAssertions({ now: () => now }),
    jwksPaths: [],
    revocations: createMemoryRevocations({ tokensCarrySubject: true, clockSkew: 0 }),
    ruleLife: 7200,
    now: () => now,
    log: (event) => events.push(event),
    counts,
    ...changes,
  });
  return { app, events, counts };
}

export const claims = {
  iss: issuer,
  sub: 'alice',
  aud: ['orders', 'stock'],
  client_id: 'shop',
  iat: now / 1000,
  exp: now / 1000 + 60,
  jti: 'one',
  scope: 'read write',
  act: { client_id: 'gateway' },
};

/** Signs claims, given as an object or as the very JSON. */
export async function issueToken(
  payload: object | string = claims,
  { signer }: Pick<KeyRing, 'signer'> = keyRing,
): Promise<string> {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const header = JSON.stringify({ alg: signer.alg, kid: signer.kid, typ: 'JWT' });
  const json = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const input = `${encode(header)}.${encode(json)}`;
  return `${input}.${await signer.sign(input)}`;
}
