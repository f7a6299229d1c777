import { spawnSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { gatewayProfiles } from '../../src/config/schema/gateways.ts';
import { type Block, blocksOf, pages } from '../support/pages.ts';
import {
  basic,
  countersign,
  endAll,
  freshDirectory,
  isMissing,
  main,
  type Ports,
  patience,
  serve,
  start,
  threePorts,
  writeFiles,
} from '../support/process.ts';
import { python } from '../support/python.ts';

/**
 * What the pages tell people to type, typed: all blocks of a page, in their order, in one shell, beside a
 * service that is as `npm start` has it but for its ports.
 */

jest.setTimeout(2 * patience);
afterEach(endAll);

const root = join(import.meta.dirname, '..', '..');
const secret = randomBytes(32).toString('base64url');
const sha256 = createHash('sha256').update(secret).digest('hex');

/** The usual ports stand in every page. */
function withPorts(text: string, ports: Ports): string {
  return text
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${ports.auth}`)
    .replaceAll('127.0.0.1:8081', `127.0.0.1:${ports.public}`)
    .replaceAll('127.0.0.1:9090', `127.0.0.1:${ports.ops}`);
}

const listen =
  "listen: { auth: '127.0.0.1:8080', public: '127.0.0.1:8081', ops: '127.0.0.1:9090' }";
const gateways = gatewayProfiles.filter((profile) => profile !== 'envoy_grpc');

/** @param orders how the client of the pages authenticates */
const configurationWith = (orders = `secret_sha256: ${sha256}`) => `
issuer: http://127.0.0.1:8081
${listen}
gateways: { ${gateways.map((name) => `${name}: {}`).join(', ')} }
credentials: [${['bearer', 'basic', 'api_key'].map((kind) => `{ ${kind}: { trust: gateway } }`)}]
token: { audience: ['https://api.example.com', 'https://orders.internal'] }
clients:
  - { id: dev, secret_sha256: ${sha256}, may: [introspect, revoke, revoke-any], audiences: any }
  - { id: orders, ${orders}, may: [introspect], audiences: any }
traces: { endpoint: 'http://127.0.0.1:4318/v1/traces' }
drain: 0s
`;

/** What a shell of the pages has that another one has not. */
const prelude = `
set -eEuo pipefail
# Ours is a socket, and nothing opens /dev/stderr then.
exec 2> >(cat >&2)
trap 'echo "failed in $BLOCK: $BASH_COMMAND; it said: $(tail -n 3 "$OUT")" >&2' ERR
# An answer that is not good fails, unless the page says what it is.
curl() { command curl --fail-with-body --no-progress-meter "$@"; }
says() {
  local expected=$1 got; shift
  if [ "$1" = curl ]; then got=$(command "$@"); else got=$("$@"); fi
  [ "$got" = "$expected" ] || { echo "expected $expected, got $got" >&2; return 1; }
}
countersign() {
  if [ "$1" != serve ]; then "$NODE" "$MAIN" "$@"; return; fi
  "$NODE" "$MAIN" serve >serve.log 2>&1 &
  trap "kill $!" EXIT
  until command curl -sf http://127.0.0.1:9090/readyz >/dev/null; do sleep 0.1; done
}
python() { "$PYTHON" "$@"; }
`;

/** Blocks of README.md make it themselves. */
const aToken = `
token=$(curl -si http://127.0.0.1:8080/auth/nginx -u alice:secret \\
  -H 'X-Original-Method: GET' -H 'X-Original-URL: https://api.example.com/orders' \\
  | tr -d '\\r' | sed -n 's/^X-Custom-Jwt: //p')
`;

interface Script {
  readonly page: string;
  /** All that may be run when absent. */
  readonly blocks?: readonly Block[];
  readonly files?: Readonly<Record<string, string>>;
  /** Changes what cannot be typed as it stands. */
  readonly edit?: (text: string) => string;
  /** What the service is configured with; nothing is served when it is not `serves`. */
  readonly configuration?: string;
  readonly serves?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

const blocksToRun = (page: string) =>
  blocksOf(page).filter(({ language, mark }) => language === 'sh' && mark === undefined);

/** A comment after a command that is JSON is what the command says. */
function withExpectations(text: string): string {
  return text.replaceAll(/^(\S.*?) +# (\{.*\})$/gm, "says '$2' $1");
}

/** Runs the blocks of a page in one shell. @returns what a block said on standard output */
async function run({ page, blocks = blocksToRun(page), ...script }: Script) {
  const { files = {}, edit = (text: string) => text, env = {}, input = '' } = script;
  const { configuration: text = configurationWith(), serves = true } = script;
  const directory = freshDirectory();
  const ports = await threePorts();
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const outputOf = (block: Block) => join(directory, `${block.place.replaceAll('/', '.')}.out`);
  const lines = blocks.flatMap((block) => [
    ...[`BLOCK='${block.place}' OUT='${outputOf(block)}'`, 'exec >"$OUT"'],
    withExpectations(edit(block.text)),
  ]);
  writeFiles(directory, {
    ...files,
    ...programsOf(page, ports),
    'data/dev-client-secret': secret,
    'countersign.yaml': withPorts(text, ports),
    script: withPorts([prelude, serves ? aToken : '', ...lines].join('\n'), ports),
  });
  if (serves) await serve(() => withPorts(text, ports), { directory, ports });
  const { code, stderr } = await start('bash', ['script'], {
    ...{ cwd: directory, input },
    env: { ...tools, BLOCK: 'the beginning', secret, ...env },
  }).ended;
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return (block: Block) => readFileSync(outputOf(block), 'utf8');
}

const tools = { NODE: process.execPath, MAIN: main, PYTHON: python };

/** Programs that the page shows, by the names it gives them. */
function programsOf(page: string, ports: Ports): Readonly<Record<string, string>> {
  const programs = blocksOf(page).flatMap(({ text }) => {
    const [, name] = /^(?:\/\/|#) (\w+\.(?:mjs|py)); /.exec(text) ?? [];
    return name === undefined ? [] : [[name, withPorts(text, ports)] as const];
  });
  return Object.fromEntries(programs);
}

function makePem(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
}

const columnsOf = (line: string) => line.trim().split(/ {2,}/);

/** Nothing fails, and a table that the page shows after a command has the columns of what it says. */
async function expectToWork(script: Script): Promise<void> {
  const { page, blocks = blocksToRun(page) } = script;
  const outputOf = await run(script);
  const all = blocksOf(page);
  const ran = new Set(blocks.map(({ place }) => place));
  for (const [index, block] of all.entries()) {
    const before = all[index - 1];
    if (block.language === 'text' && before && ran.has(before.place)) {
      expect(outputOf(before).split('\n').map(columnsOf)).toContainEqual(
        columnsOf(block.text.split('\n')[0] ?? ''),
      );
    }
  }
}

const aKey = `kid=$(countersign keys rotate | cut -d ' ' -f 1)
until curl -s http://127.0.0.1:8081/jwks | grep -qF -- "$kid"; do sleep 0.2; done`;

/** Pages that need little but the service. */
const plain: readonly Script[] = [
  { page: 'docs/tracing.md' },
  { page: 'docs/reload.md' },
  { page: 'docs/operations.md' },
  {
    page: 'docs/revocation.md',
    // A key that is published, and does not sign.
    edit: (text) => text.replace(/^(curl.*revoke_key=)\S+$/m, `${aKey}\n$1$kid`),
  },
  {
    page: 'docs/credentials.md',
    files: { 'key.txt': 'a-key-that-somebody-has\n' },
    input: 'a password\n',
  },
];

describe('the commands of', () => {
  it('every page are run here, but for those that say why not', () => {
    const own = ['README.md', 'docs/keys.md', 'docs/verifying.md', 'docs/explain.md'];
    const here = [...own, ...plain.map(({ page }) => page)];
    const all = pages.filter((page) =>
      blocksOf(page).some(({ language, mark }) => /^(sh|console)$/.test(language) && !mark),
    );
    expect(all.filter((page) => !here.includes(page))).toEqual([]);
  });

  it.each(plain.map((script) => [script.page, script] as const))(
    '%s work',
    async (_page, script) => {
      await expectToWork(script);
    },
  );

  it('docs/keys.md work', async () => {
    const directory = freshDirectory();
    const [tokens, conf] = [join(directory, 'tokens'), join(directory, 'softhsm2.conf')];
    writeFiles(directory, {
      'tokens/.keep': '',
      'softhsm2.conf': `directories.tokendir = ${tokens}\n`,
    });
    const pem = makePem();
    writeFiles(directory, { 'key.pem': pem, password: 'pw' });
    const p12 = join(directory, 'key.p12');
    const made = spawnSync(
      'bash',
      [
        '-ec',
        `openssl req -x509 -key key.pem -subj /CN=a -days 1 -out cert.pem
       openssl pkcs12 -export -inkey key.pem -in cert.pem -passout file:password -out ${p12}`,
      ],
      { cwd: directory },
    );
    expect(made.status).toBe(0);
    const page = 'docs/keys.md';
    const blocks = blocksToRun(page).filter(
      ({ text }) => !text.includes('softhsm2-util') || !isMissing('softhsm2-util'),
    );
    const rotating = blocks.filter(({ text }) => text.includes('keys rotate'));
    await expectToWork({
      ...{ page, blocks: blocks.filter((block) => !rotating.includes(block)) },
      env: { SOFTHSM2_CONF: conf },
      files: { 'key.password': 'pw', 'key.pem': makePem() },
      edit: (text) => text.replaceAll('key.p12', p12),
    });
    // A key that was imported waits to sign, and no other goes before it.
    await expectToWork({ page, blocks: rotating });
  });

  (python ? it : it.skip)('docs/verifying.md work', async () => {
    const all = blocksToRun('docs/verifying.md');
    const withAssertions = all.filter(({ text }) => /orders\.pem|assertion/.test(text));
    const page = 'docs/verifying.md';
    await expectToWork({ page, blocks: all.filter((block) => !withAssertions.includes(block)) });
    // Another, until the page makes its own, which counts within a second.
    const other = { ...createPublicKey(makePem()).export({ format: 'jwk' }), alg: 'RS256' };
    await expectToWork({
      ...{ page, blocks: withAssertions },
      configuration: configurationWith('jwks_file: orders.jwks.json'),
      files: { 'orders.jwks.json': JSON.stringify({ keys: [other] }) },
      edit: (text) => text.replace(/^curl[\s\S]*?(?=\n$)/, 'until $&; do sleep 0.2; done'),
    });
  });

  (python ? it : it.skip)('README.md work', async () => {
    const blocks = blocksToRun('README.md');
    const own = blocks.findIndex(({ text }) => text.startsWith('alias countersign'));
    await expectToWork({
      ...{ page: 'README.md', blocks: blocks.slice(0, own) },
      edit: (text) =>
        text
          .replace(/^python3 -m venv .*\n/m, '')
          .replaceAll('/tmp/py/bin/python', 'python')
          .replaceAll('/tmp/verify.py', 'verify.py'),
    });
    const [configuration] = blocksOf('README.md').filter(({ language }) => language === 'yaml');
    await expectToWork({
      ...{ page: 'README.md', blocks: blocks.slice(own), serves: false },
      configuration: `${configuration?.text}${listen}\n`,
      edit: (text) =>
        text
          .replace(/^(alias|cd) .*\n/gm, '')
          .replace('tee /dev/stderr', 'tee shown')
          .replaceAll("'apikey: the key that was shown'", '"apikey: $(sed -n 2p shown)"'),
    });
  });

  it('docs/explain.md say what the page shows', async () => {
    const page = 'docs/explain.md';
    const [configuration] = blocksOf(page).filter(({ language }) => language === 'yaml');
    const shown = blocksOf(page).filter(({ language }) => language === 'console');
    const cwd = freshDirectory();
    const apiKey = 'a-key-that-somebody-has';
    const hash = async (input: string, ...args: string[]) =>
      (await countersign(['hash', ...args], { input })).stdout;
    writeFiles(cwd, {
      'countersign.yaml': configuration?.text ?? '',
      'api-keys.yaml': await hash(apiKey, '--key', '--owner', 'reports'),
      'users.htpasswd': `alice:${await hash('right')}`,
      'header.txt': `Authorization: ${basic('alice', 'wrong')}\n`,
    });
    expect(shown).toHaveLength(3);
    for (const { text, place } of shown) {
      const [, command = '', output = ''] = /^\$ ((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(text) ?? [];
      const ran = await start('bash', ['-c', `${prelude}${command} || true`], {
        ...{ cwd, env: { ...tools, KEY: apiKey, BLOCK: place } },
      }).ended;
      expect(withoutChance(ran.stdout.replaceAll(cwd, '/home/me/countersign'))).toBe(
        withoutChance(output),
      );
    }
  });
});

/** Without keys, times and ids, which differ each time. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/[\w-]{43}/g, 'KID')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\d+/g, '0')
    .replaceAll(/ +$/gm, '');
}
