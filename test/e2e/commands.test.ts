import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { parse } from 'yaml';
import {
  asNginx,
  basic,
  call,
  countersign,
  endAll,
  freshDirectory,
  isMissing,
  listenOn,
  type Ports,
  patience,
  serve,
  start,
  threePorts,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);
afterEach(endAll);

const secretSha256 = createHash('sha256').update('a-secret-of-a-client').digest('hex');

interface Settings {
  readonly credentials?: string;
  readonly algorithm?: string;
}

function configuration({ credentials, algorithm = 'ES256' }: Settings = {}) {
  return (ports: Ports) => `issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [${credentials ?? '{ basic: { trust: gateway } }'}]
token: { upstream_hosts: [api.example.com] }
default_route: {}
keys: { algorithm: ${algorithm} }
clients:
  - { id: orders, secret_sha256: ${secretSha256}, may: [introspect], audiences: any }
drain: 0s
`;
}

async function directoryWith(settings?: Settings): Promise<string> {
  const directory = freshDirectory();
  writeFiles(directory, { 'countersign.yaml': configuration(settings)(await threePorts()) });
  return directory;
}

/** Serves once, and returns a token that the service then made. */
async function serveOnce(directory: string, settings?: Settings): Promise<string> {
  const running = await serve(configuration(settings), { directory });
  const ask = asNginx({ Authorization: basic('alice', 'secret') });
  const { headers } = await call({ port: running.ports.auth, ...ask });
  running.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
  return String(headers['x-custom-jwt']);
}

describe('countersign', () => {
  it.each(['check', 'explain', 'hash', 'inspect', 'keys', 'serve'])(
    'explains %s',
    async (command) => {
      const { code, stdout, stderr } = await countersign([command, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Usage: countersign ${command} `));
    },
  );

  it('explains itself, and names every command', async () => {
    const { code, stdout, stderr } = await countersign(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const names = [...stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, command]) => command);
    expect(names.sort()).toEqual([
      ...['check', 'explain', 'hash', 'inspect', 'keys', 'reload', 'serve'],
    ]);
  });

  it.each([
    { args: [], says: /^Usage: countersign <command>/ },
    { args: ['sevre'], says: /^There is no command "sevre"\.\n\nUsage:/ },
    { args: ['serve', '--nope'], says: /Unknown option '--nope'/ },
    { args: ['serve', '--dev', '--config', 'x'], says: /^Give --config or --dev\nUsage:/ },
    { args: ['keys'], says: /^Say what to do\nUsage:/ },
    { args: ['hash', '--generate'], says: /^--generate and --owner belong to --key\nUsage:/ },
  ])('answers 2 to a wrong command line: $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await countersign(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
  });
});

describe('countersign check', () => {
  it('says that a configuration is good, and makes nothing', async () => {
    const cwd = await directoryWith();
    const { code, stdout, stderr } = await countersign(['check'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^keys +.* good +.*data\/keys will be made at first start, with a key$/m,
    );
    expect(stdout).toMatch(/\ncountersign\.yaml is good: 0 failed, 0 warnings\n$/);
    expect(readdirSync(cwd)).toEqual(['countersign.yaml']);
  });

  it('says what is wrong with a bad one, and where', async () => {
    const cwd = await directoryWith({ algorithm: 'RS257' });
    const { code, stdout, stderr } = await countersign(['check'], { cwd });
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toMatch(/^countersign\.yaml:10: keys\.algorithm: "RS257" is not known/);
  });

  it('prints the effective configuration without its secrets, and that can be read again', async () => {
    const cwd = freshDirectory();
    const verify =
      '{ introspection: { endpoint: https://idp.example.com/i, client_id: c, client_secret: hush-hush } }';
    const text = configuration({ credentials: `{ bearer: { verify: ${verify} } }` });
    writeFiles(cwd, { 'countersign.yaml': text(await threePorts()) });
    const { code, stdout } = await countersign(['check', '--print'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('expires_in: 30m');
    expect(stdout).toContain('client_secret: "[redacted]"');
    expect(stdout).not.toContain('hush-hush');
    expect(stdout).not.toContain(secretSha256);

    const readable = stdout.replace(
      'secret_sha256: "[redacted]"',
      `secret_sha256: ${secretSha256}`,
    );
    writeFileSync(join(cwd, 'printed.yaml'), readable);
    const again = await countersign(['check', '--print', '--config', 'printed.yaml'], { cwd });
    expect(again.code).toBe(0);
    expect(parse(again.stdout)).toEqual(parse(stdout));
  });
});

describe('countersign explain', () => {
  const password = 'canary-password';
  const args = ['explain', '-H', '-', 'https://api.example.com/orders'];
  const input = `Authorization: ${basic('alice', password)}\n`;

  it('answers as the service does that runs beside it, with its key, and changes nothing', async () => {
    const running = await serve(configuration());
    const { directory: cwd, ports } = running;
    const files = () => readdirSync(cwd, { recursive: true }).map(String).sort();
    const before = files();
    const ask = asNginx({ Authorization: basic('alice', password) });
    const { headers } = await call({ port: ports.auth, ...ask });
    const jwt = String(headers['x-custom-jwt']);

    const { code, stdout, stderr } = await countersign([...args, '--json'], { cwd, input });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const told = JSON.parse(stdout);
    expect(told.token_header).toEqual(decodeProtectedHeader(jwt));
    const { iat: _, exp: __, jti: ___, ...served } = decodeJwt(jwt);
    expect(told.claims.after).toMatchObject(served);
    expect(told.notes).toEqual([]);
    expect(files()).toEqual(before);

    const { stdout: text } = await countersign(args, { cwd, input });
    expect(text).toMatch(/\nDecision\n {2}allowed: alice by basic, on default_route\n$/);
    for (const shown of [stdout, text]) expect(shown).not.toMatch(/canary|Y2FuYXJ5|eyJ/);
  });

  it('answers 1 to what is refused, and makes no key for it', async () => {
    const cwd = await directoryWith();
    const refused = await countersign(['explain', 'https://elsewhere.example/'], { cwd });
    expect(refused).toMatchObject({ code: 1, stderr: '' });
    expect(refused.stdout).toContain('\nDecision\n  refused: no_credential\n');
    expect(readdirSync(cwd)).toEqual(['countersign.yaml']);
  });

  it('answers 78 without a configuration, and 2 without a URL', async () => {
    expect(await countersign(args, { input })).toMatchObject({ code: 78, stdout: '' });
    const cwd = await directoryWith();
    expect(await countersign(['explain'], { cwd })).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('countersign hash', () => {
  it('hashes a password slowly, and a different way each time', async () => {
    const [first, second] = await Promise.all(
      [1, 2].map(() => countersign(['hash'], { input: 'correct horse\n' })),
    );
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first?.stdout).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^\n]+\n$/);
    expect(second?.stdout).not.toBe(first?.stdout);
  });

  it('prints the SHA-256 of a generated key', async () => {
    const key = 'Zm9yIHRoZSB0ZXN0cw-Zm9yIHRoZSB0ZXN0cw';
    const { code, stdout } = await countersign(['hash', '--key'], { input: `${key}\n` });
    const sha256 = createHash('sha256').update(key).digest('hex');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${sha256}\n` });
  });

  it('generates a key, and shows its entry', async () => {
    const { code, stdout } = await countersign(['hash', '--key', '--generate', '--owner', 'ci']);
    const [, key = '', , , ...entry] = stdout.split('\n');
    expect(code).toBe(0);
    expect(key).toMatch(/^[\w-]{43}$/);
    const sha256 = createHash('sha256').update(key).digest('hex');
    expect(entry).toEqual(['- owner: "ci"', `  sha256: "${sha256}"`, '']);
  });

  it('refuses an empty secret, and a key that can be guessed', async () => {
    expect(await countersign(['hash'], { input: '\n' })).toMatchObject({ code: 2, stdout: '' });
    const short = await countersign(['hash', '--key'], { input: 'short' });
    expect(short).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('countersign inspect', () => {
  it('verifies a token with the keys of the configuration, and tells a changed one', async () => {
    const cwd = freshDirectory();
    const jwt = await serveOnce(cwd);
    const valid = await countersign(['inspect'], { cwd, input: `Bearer ${jwt}\n` });
    expect(valid).toMatchObject({ code: 0, stderr: '' });
    expect(valid.stdout).toContain('  client_id: "alice"\n');
    expect(valid.stdout).toMatch(/\nVerdict\n {2}valid: signed with [\w-]{43}\n$/);

    const [header, payload = '', signature] = jwt.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const changed = Buffer.from(JSON.stringify({ ...claims, client_id: 'root' }));
    const forged = [header, changed.toString('base64url'), signature].join('.');
    const tampered = await countersign(['inspect', forged], { cwd });
    expect(tampered).toMatchObject({ code: 1, stderr: '' });
    expect(tampered.stdout).toMatch(/\nVerdict\n {2}not valid: the signature is wrong\n$/);
  });

  it('answers 1 without keys, and to what is no token', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = `${part({ alg: 'RS256' })}.${part({ iss: 'x' })}.c2ln`;
    const unknown = await countersign(['inspect', jwt]);
    expect(unknown.code).toBe(1);
    expect(unknown.stdout).toMatch(/not verified: no keys/);
    expect(await countersign(['inspect', 'nonsense'])).toMatchObject({ code: 1, stdout: '' });
  });
});

const openssl = async (cwd: string, ...args: string[]) => {
  const { code, stderr } = await start('openssl', args, { cwd }).ended;
  if (code !== 0) throw new Error(stderr);
};

describe('countersign keys', () => {
  it('lists the key that signs', async () => {
    const cwd = freshDirectory();
    const { kid } = decodeProtectedHeader(await serveOnce(cwd));
    const { code, stdout } = await countersign(['keys', 'list'], { cwd });
    expect(code).toBe(0);
    const [head = '', ...rows] = stdout.trimEnd().split('\n');
    expect(head.split(/ +/)).toEqual(['kid', 'alg', 'state', 'since', 'until']);
    expect(rows.map((row) => row.split(/ +/))).toEqual([
      [kid, 'ES256', 'active', expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/), '-'],
    ]);
  });

  it('needs to be told where the keys are', async () => {
    const { code, stderr } = await countersign(['keys', 'list']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^There is no configuration file; name the --directory or the --config/);
  });

  (isMissing('openssl') ? it.skip : it)(
    'imports a PKCS#12 file of openssl, whose key signs where there is no other',
    async () => {
      const settings = { algorithm: 'RS256' };
      const cwd = freshDirectory();
      const subject = ['-subj', '/CN=imported', '-days', '1'];
      const made = ['-keyout', 'key.pem', '-out', 'cert.pem'];
      await openssl(cwd, 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...made, ...subject);
      const inputs = ['-inkey', 'key.pem', '-in', 'cert.pem'];
      const pass = ['-passout', 'pass:for the transport'];
      await openssl(cwd, 'pkcs12', '-export', ...inputs, '-out', 'keys.p12', ...pass);
      writeFiles(cwd, {
        password: 'for the transport\n',
        'countersign.yaml': configuration(settings)(await threePorts()),
      });
      expect(existsSync(join(cwd, 'keys.p12'))).toBe(true);

      const args = ['keys', 'import', 'keys.p12', '--password-file', 'password'];
      const { code, stdout, stderr } = await countersign(args, { cwd });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const [, kid] = /^Imported (\S+) \(RS256\) into .*data\/keys\./.exec(stdout) ?? [];

      const after = await serveOnce(cwd, settings);
      expect(decodeProtectedHeader(after).kid).toBe(kid);

      writeFiles(cwd, { password: 'something else' });
      const wrong = await countersign(args, { cwd });
      expect(wrong).toMatchObject({ code: 1, stdout: '' });
      expect(wrong.stderr).toMatch(
        /^The PKCS#12 file cannot be opened: wrong password, or damaged/,
      );
    },
  );
});
