import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Container, createNetwork, type Network, runContainer } from '../support/container.ts';
import { canBuildImages, type Image, imageOfCheckout } from '../support/image.ts';
import { endAll, freshDirectory, until, writeFiles } from '../support/process.ts';
import { programs } from '../support/programs.ts';

jest.setTimeout(300_000);
afterAll(endAll);

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

const hasHadolint = spawnSync(programs.hadolint, ['--version']).status === 0;

(hasHadolint ? it : it.skip)('the Dockerfile has nothing that hadolint complains about', () => {
  const { status, stdout } = spawnSync(programs.hadolint, [join(root, 'Dockerfile')], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

(canBuildImages() ? describe : describe.skip)('the image', () => {
  let image: Image;
  let network: Network;
  beforeAll(async () => {
    image = imageOfCheckout();
    network = await createNetwork();
  });

  const files = () =>
    readdirSync(image.root, { recursive: true, withFileTypes: true }).map((entry) => ({
      path: join(entry.parentPath, entry.name).slice(image.root.length),
      entry,
      stat: statSync(join(entry.parentPath, entry.name)),
    }));

  it('holds Node, its libraries, the service and what that needs, and nothing else', () => {
    expect(readdirSync(join(image.root, 'app')).sort()).toEqual([
      ...['LICENSE', 'dist', 'node_modules', 'package.json', 'proto'],
    ]);
    const others = files()
      .filter(({ entry }) => !entry.isDirectory())
      .map(({ path }) => path)
      .filter((path) => !/^\/(app\/|lib(64)?\/.*\.so[.\d]*$|usr\/lib\/.*\.so[.\d]*$)/.test(path));
    expect(others.sort()).toEqual([
      ...['/etc/group', '/etc/nsswitch.conf', '/etc/passwd', '/nodejs/bin/node'],
      ...['libc6', 'libgcc-s1', 'libstdc++6'].map((name) => `/var/lib/dpkg/status.d/${name}`),
    ]);
  });

  it('has no shell, no package manager, no tool of ours, and no key or configuration', () => {
    const names = files().map(({ path }) => path);
    expect(names.filter((name) => /^\/app\/dist\/.*\.js$/.test(name)).length).toBeGreaterThan(100);
    const tool = /\/(sh|bash|dash|busybox|npm|npx|corepack|apt|apt-get)$/;
    const ours =
      /\/node_modules\/(typescript|jest|tsx|@biomejs|@swc|pkcs11js)\/|^\/app\/dist\/.*\.map$/;
    const secret = /countersign\.yaml$|\.(pem|key|jwk\.json|jwks\.json)$/;
    const unwanted = names.filter((name) => [tool, ours, secret].some((kind) => kind.test(name)));
    expect(unwanted).toEqual([]);
  });

  it('belongs to root and lets nobody else write, but in the one directory for state', () => {
    const state = '/var/lib/countersign';
    const wrong = files().filter(
      ({ path, stat }) =>
        path !== state && (stat.uid !== 0 || stat.gid !== 0 || (stat.mode & 0o6022) !== 0),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
    const { uid, gid, mode } = statSync(join(image.root, state));
    expect([uid, gid, mode & 0o777]).toEqual([65532, 65532, 0o700]);
    expect(image.user).toBe('65532:65532');
  });

  it('holds only packages that the SBOM names, in the version that it names', () => {
    const sbom = spawnSync('node', ['scripts/sbom.mjs'], { cwd: root, encoding: 'utf8' });
    const { bomFormat, metadata, components } = JSON.parse(sbom.stdout) as Sbom;
    expect([bomFormat, metadata.component.purl]).toEqual([
      'CycloneDX',
      'pkg:npm/countersign@0.1.0',
    ]);
    const named = new Set(components.map(({ name, version }) => `${name} ${version}`));
    const packages = packagesBelow(join(image.root, 'app', 'node_modules'));
    expect(packages.length).toBeGreaterThan(50);
    expect(packages.filter((each) => !named.has(each))).toEqual([]);
    expect([...named].filter((each) => /^(jest|typescript|@biomejs)/.test(each))).toEqual([]);
  });

  it('says its version in a label, and it is that of the package', () => {
    const { version, license } = JSON.parse(read('package.json'));
    expect(image.labels).toContain(`org.opencontainers.image.version="${version}"`);
    expect(image.labels).toContain(`org.opencontainers.image.licenses="${license}"`);
  });

  const settings = `
issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { verify: { htpasswd_file: users.htpasswd } } }]
token: { audience: https://orders.internal }
keys: { algorithm: ES256, directory: /var/lib/countersign/keys }
drain: 0s
`;

  async function startWith(configuration: string): Promise<Container & { state: string }> {
    const [config, state] = [freshDirectory(), freshDirectory()];
    const hash = await hashOf('a good password');
    writeFiles(config, { 'countersign.yaml': configuration, 'users.htpasswd': `alice:${hash}\n` });
    spawnSync('chown', ['-R', '65532:65532', config, state]);
    const container = runContainer(image, {
      network,
      mounts: [
        { source: config, path: '/etc/countersign', readOnly: true },
        { source: state, path: '/var/lib/countersign', readOnly: false },
      ],
    });
    return { ...container, state };
  }

  async function hashOf(password: string): Promise<string> {
    const { stdout } = spawnSync('node', ['dist/main.js', 'hash'], {
      cwd: root,
      input: password,
      encoding: 'utf8',
    });
    return stdout.trim();
  }

  it('serves a request as a user without rights, from a root that nobody can write to', async () => {
    const container = await startWith(settings);
    await until(() => network.ask('http://127.0.0.1:9090/readyz')?.status === 200, container);
    const original = [
      ...['-H', 'X-Original-Method: GET'],
      ...['-H', 'X-Original-URL: https://api.example.com/orders'],
    ];
    const url = 'http://127.0.0.1:8080/auth/nginx';
    const allowed = network.ask(url, '-u', 'alice:a good password', ...original);
    expect([allowed?.status, allowed?.body]).toEqual([200, '']);
    expect(allowed?.head).toMatch(/^X-Custom-Jwt: [\w-]+\.[\w-]+\.[\w-]+\r?$/m);
    expect(network.ask(url, '-u', 'alice:wrong', ...original)?.status).toBe(401);
    expect(network.ask('http://127.0.0.1:8081/jwks')?.body).toContain('"kid"');
    expect(readdirSync(join(container.state, 'keys'))).toEqual(['ring-00000001.jwks.json']);

    // As the health check of the image asks.
    const health = image.healthcheck.slice(1);
    const asked = () =>
      runContainer({ ...image, entrypoint: ['/nodejs/bin/node'] }, { network, args: health });
    expect((await asked().ended).code).toBe(0);
    container.signal('SIGTERM');
    expect(await container.ended).toMatchObject({ code: 0, stderr: '' });
    expect((await asked().ended).code).toBe(1);
  });

  it('gives its process no rights, no shell, and no place to write but the state', async () => {
    const probe = `
const fs = require('node:fs');
const failing = (run) => { try { run(); return 'done'; } catch ({ code }) { return code; } };
const { status } = require('node:child_process').spawnSync('/bin/sh');
console.log(JSON.stringify({
  ids: [process.getuid(), process.getgid(), process.pid],
  capabilities: /CapEff:\\s+(\\w+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1],
  newPrivileges: /NoNewPrivs:\\s+(\\d)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1],
  root: failing(() => fs.writeFileSync('/app/dist/main.js', '')),
  tmp: failing(() => fs.writeFileSync('/tmp', '')),
  state: failing(() => fs.writeFileSync('/var/lib/countersign/x', '')),
  shell: status,
}));`;
    const state = freshDirectory();
    spawnSync('chown', ['65532:65532', state]);
    const { stdout } = await runContainer(
      { ...image, entrypoint: ['/nodejs/bin/node'] },
      {
        network,
        args: ['-e', probe],
        mounts: [{ source: state, path: '/var/lib/countersign', readOnly: false }],
      },
    ).ended;
    expect(JSON.parse(stdout)).toEqual({
      ids: [65532, 65532, 1],
      capabilities: '0000000000000000',
      newPrivileges: '1',
      root: 'EROFS',
      tmp: 'EROFS',
      state: 'done',
      shell: null,
    });
  });

  it('needs nowhere to write when its key is given', async () => {
    const config = freshDirectory();
    const { privateKey } = await crypto.subtle
      .generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
      .then(async (pair) => ({
        privateKey: await crypto.subtle.exportKey('jwk', pair.privateKey),
      }));
    writeFiles(config, {
      'countersign.yaml': settings
        .replace(/^credentials:.*$/m, 'credentials: [{ basic: { trust: gateway } }]')
        .replace(/^keys:.*$/m, 'keys: { private_jwk_file: key.jwk.json }'),
      'key.jwk.json': JSON.stringify({ ...privateKey, key_ops: undefined, ext: undefined }),
    });
    spawnSync('chown', ['-R', '65532:65532', config]);
    const mounts = [{ source: config, path: '/etc/countersign', readOnly: true }];
    const checked = await runContainer(image, { network, mounts, args: ['check'] }).ended;
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    const container = runContainer(image, { network, mounts });
    await until(() => network.ask('http://127.0.0.1:9090/readyz')?.status === 200, container);
    container.signal('SIGTERM');
    expect((await container.ended).code).toBe(0);
  });
});

interface Sbom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly purl: string } };
  readonly components: readonly { readonly name: string; readonly version: string }[];
}

/** @returns name and version of every package in a `node_modules`, and in those inside it */
function packagesBelow(modules: string): string[] {
  return readdirSync(modules, { recursive: true })
    .map(String)
    .filter((file) => /(^|\/node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(file))
    .map((file) => {
      const { name, version } = JSON.parse(readFileSync(join(modules, file), 'utf8'));
      return `${name} ${version}`;
    });
}
