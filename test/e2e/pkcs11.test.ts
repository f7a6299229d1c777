import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import {
  basic,
  call,
  countersign,
  endAll,
  freshDirectory,
  listenOn,
  main,
  type Ports,
  start,
  threePorts,
  until,
  untilReady,
  writeFiles,
} from '../support/process.ts';
import {
  createToken,
  type HsmKey,
  keysOnToken,
  type SoftHsm,
  softHsmIsMissing,
} from '../support/softhsm.ts';

/** The built program with keys on a token of SoftHSM. */

let hsm: SoftHsm;
beforeEach(async () => {
  if (!softHsmIsMissing) hsm = await createToken(freshDirectory());
});
afterEach(endAll);

function configuration(keys: string, ports: Ports): string {
  return `issuer: http://127.0.0.1:${ports.public}
${listenOn(ports)}
gateways: { caddy: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: orders }
default_route: {}
${keys}
`;
}

/** Runs a command with a configuration; nothing is opened. */
async function run(keys: string, ...command: string[]) {
  const ports = await threePorts();
  writeFiles(hsm.directory, { 'countersign.yaml': configuration(keys, ports) });
  return countersign(command, { cwd: hsm.directory, env: hsm.env });
}

async function serve(keys: string) {
  const ports = await threePorts();
  writeFiles(hsm.directory, { 'countersign.yaml': configuration(keys, ports) });
  const running = start(process.execPath, [main, 'serve'], { cwd: hsm.directory, env: hsm.env });
  await untilReady(running, ports.ops);
  const original = { Method: 'GET', Proto: 'https', Host: 'a.example.com', Uri: '/' };
  const forwarded = Object.entries(original).map(([name, value]) => [`X-Forwarded-${name}`, value]);
  const ask = (user: string) =>
    call({
      ...{ port: ports.auth, path: '/auth/caddy' },
      headers: { ...Object.fromEntries(forwarded), Authorization: basic(user, 'pw') },
    });
  return { ...running, ports, ask };
}

(softHsmIsMissing ? describe.skip : describe)('a key on a PKCS#11 token', () => {
  it.each<[HsmKey['type'], readonly string[]]>([
    ['RSA', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['P-256', ['ES256']],
    ['P-384', ['ES384']],
    ['P-521', ['ES512']],
  ])('of type %s signs %j', async (type, algorithms) => {
    await hsm.addKey({ type, label: 'signing', id: 'a1' });
    for (const algorithm of algorithms) {
      const keys = keysOnToken('signing', '', algorithm);
      expect(await run(keys, 'check')).toMatchObject({ code: 0, stderr: '' });
      const { stdout } = await run(keys, 'keys', 'list');
      expect(stdout).toMatch(new RegExp(`\\n[\\w-]{43} +${algorithm} +active +- +-\\n$`));
    }
  });

  it('signs tokens that verify with the JWKS, for many callers at once', async () => {
    await hsm.addKey({ type: 'RSA', label: 'signing', id: 'a1' });
    const { ask, ports } = await serve(keysOnToken('signing', '', 'PS256'));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(`u${index}`)));
    const jwks = JSON.parse((await call({ port: ports.public, path: '/jwks' })).body);
    for (const [index, { headers }] of answers.entries()) {
      const { payload, protectedHeader } = await jwtVerify(
        String(headers['x-custom-jwt']),
        createLocalJWKSet(jwks),
        { audience: 'orders' },
      );
      expect(payload['client_id']).toBe(`u${index}`);
      expect(protectedHeader).toMatchObject({ alg: 'PS256', kid: jwks.keys[0].kid });
    }
  });

  it('refuses with 503 while the token is gone, and signs again when it is back', async () => {
    await hsm.addKey({ type: 'P-256', label: 'signing', id: 'a1' });
    const { ask, stdout } = await serve(keysOnToken('signing'));
    const first = await ask('alice');
    expect(first.status).toBe(200);
    renameSync(hsm.tokens, join(hsm.directory, 'away'));
    expect(await ask('bob')).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    await until(() => /"signer_unavailable","detail":"PKCS#11: CKR_\w+"/.test(stdout()));
    // What was signed before still goes out.
    const again = await ask('alice');
    expect(again.headers['x-custom-jwt']).toBe(first.headers['x-custom-jwt']);
    renameSync(join(hsm.directory, 'away'), hsm.tokens);
    await until(async () => (await ask('carol')).status === 200);
  });
});

(softHsmIsMissing ? describe.skip : describe)('two pairs with one label', () => {
  beforeEach(async () => {
    await hsm.addKey({ type: 'P-256', label: 'signing', id: 'a1' });
    await hsm.addKey({ type: 'P-256', label: 'signing', id: 'b2' });
  });
  const listed = async (id: string) => {
    const { stdout } = await run(keysOnToken('signing', `, key_id: ${id}`), 'keys', 'list');
    return stdout.split('\n').flatMap((line) => (line.match(/^[\w-]{43}/) ?? []).slice(0, 1));
  };

  it('are both published, and key_id says which one signs', async () => {
    const [first = '', second = ''] = await listed('a1');
    expect(first).not.toBe(second);
    expect(await listed('B2')).toEqual([second, first]);
  });

  it('are not guessed between', async () => {
    const { code, stdout } = await run(keysOnToken('signing'), 'check');
    expect(code).toBe(78);
    expect(stdout).toMatch(/several private keys "signing".*key_id.*(a1, b2|b2, a1)/);
  });
});

(softHsmIsMissing ? describe.skip : describe)('the service does not start', () => {
  beforeEach(() => hsm.addKey({ type: 'P-256', label: 'signing', id: 'a1' }));

  it.each<[string, string, RegExp]>([
    ['without the key', keysOnToken('other'), /has no private key labelled "other"/],
    ['without the id', keysOnToken('signing', ', key_id: ff'), /has the CKA_ID ff; found: a1/],
    [
      'without the token',
      keysOnToken('signing').replace('token_label: countersign', 'token_label: other'),
      /There is no token "other"/,
    ],
    [
      'without the library',
      keysOnToken('signing').replace(/module: [^,]+/, 'module: nothing.so'),
      /nothing\.so: cannot be loaded/,
    ],
  ])('%s', async (_what, keys, message) => {
    const { code, stdout } = await run(keys, 'check');
    expect(code).toBe(78);
    expect(stdout).toMatch(message);
  });

  it('with a wrong PIN, and does not show it', async () => {
    writeFiles(hsm.directory, { pin: '314159' });
    const { code, stdout } = await run(keysOnToken('signing'), 'check');
    expect(code).toBe(78);
    expect(stdout).toMatch(/The token refuses the PIN \(CKR_PIN_INCORRECT\)/);
    expect(stdout).not.toContain('314159');
  });

  it('with a PIN file that others can read', async () => {
    const keys = keysOnToken('signing').replace('pin_file: pin', 'pin_file: /etc/hostname');
    expect((await run(keys, 'check')).stdout).toMatch(/others can use this key file/);
  });
});
