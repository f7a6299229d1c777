import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { namesOfContext, readCopy, readDockerfile, type Stage } from './dockerfile.ts';

const checkout = join(import.meta.dirname, '..', '..');
const cache = join(checkout, '.cache');

/** An image without an archive: its files in a directory, and what runs in it. */
export interface Image {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** `uid:gid` */
  readonly user: string;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
  readonly labels: string;
}

/** Whether namespaces and mounts may be made here, and the machine is what the base image is: Debian. */
export function canBuildImages(): boolean {
  const tools = ['npm', 'ldd', 'dpkg-query', 'curl', 'setpriv', 'nsenter', 'ip'];
  const isThere = (tool: string) => spawnSync('which', [tool]).status === 0;
  const tried = ['--mount', '--pid', '--net', '--fork', 'mount', '-t', 'tmpfs', 'none', '/mnt'];
  return (
    process.getuid?.() === 0 && tools.every(isThere) && spawnSync('unshare', tried).status === 0
  );
}

/** This machine's own programs, as if they were an image. */
export const machine: Image = {
  ...{ root: '/', env: {}, user: '0:0', workdir: '/', entrypoint: [], cmd: [] },
  ...{ healthcheck: [], labels: '' },
};

/** The image of this checkout: what is in .cache if nothing of it has changed since, else a new one. */
export function imageOfCheckout(): Image {
  const start = `image-${process.version}-`;
  const cached = join(cache, start + digestOfInputs());
  if (!existsSync(cached)) {
    mkdirSync(cache, { recursive: true });
    for (const each of readdirSync(cache).filter((name) => name.startsWith(start))) {
      rmSync(join(cache, each), { recursive: true });
    }
    const home = mkdtempSync(join(cache, 'building-'));
    const { root, ...about } = buildImage(home);
    writeFileSync(join(home, 'about.json'), JSON.stringify(about));
    rmSync(join(home, 'build'), { recursive: true });
    try {
      renameSync(home, cached);
    } catch {
      // Another test file was as far in the meantime: its image is as good.
      rmSync(home, { recursive: true });
    }
  }
  const about = JSON.parse(readFileSync(join(cached, 'about.json'), 'utf8'));
  return { ...about, root: join(cached, 'image') };
}

function digestOfInputs(): string {
  const names = [
    'Dockerfile',
    '.dockerignore',
    'test/support/image.ts',
    'test/support/dockerfile.ts',
    ...contextNames(),
  ];
  const hash = createHash('sha256');
  for (const name of names) {
    const path = join(checkout, name);
    const isDirectory = statSync(path).isDirectory();
    const files = isDirectory ? readdirSync(path, { recursive: true }).map(String).sort() : [''];
    for (const file of files.map((each) => join(path, each))) {
      if (statSync(file).isFile()) hash.update(`${file}\0`).update(readFileSync(file));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function contextNames(): string[] {
  return namesOfContext(readFileSync(join(checkout, '.dockerignore'), 'utf8'));
}

/**
 * Carries out the Dockerfile, instruction by instruction. A stage that starts from Node's image starts
 * from this machine's own files instead, in an overlay that leaves them as they are, with the Node that
 * runs the tests; `scratch` is an empty directory.
 *
 * @param home an empty directory
 */
function buildImage(home: string): Image {
  const context = join(home, 'context');
  mkdirSync(context);
  for (const name of contextNames()) {
    cpSync(join(checkout, name), join(context, name), { recursive: true });
  }
  const roots = new Map<string | undefined, string>();
  let image: Image | undefined;
  for (const stage of readDockerfile(readFileSync(join(checkout, 'Dockerfile'), 'utf8'))) {
    const root = join(home, stage.name ?? 'image');
    mkdirSync(root);
    image = buildStage({ stage, root, sourceOf: (from) => (from ? roots.get(from) : context) });
    roots.set(stage.name, root);
  }
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  return image;
}

interface Building {
  readonly stage: Stage;
  readonly root: string;
  /** Where `COPY --from` reads; without one, from the build's context. */
  readonly sourceOf: (from: string | undefined) => string | undefined;
}

function buildStage({ stage, root, sourceOf }: Building): Image {
  const image = {
    ...{ root, env: {} as Record<string, string>, user: '0:0', workdir: '/', labels: '' },
    ...{ entrypoint: [] as string[], cmd: [] as string[], healthcheck: [] as string[] },
  };
  let shell = ['/bin/sh', '-c'];
  const args: Record<string, string> = {};
  const carryOut: Readonly<Record<string, (text: string) => void>> = {
    ARG: (text) => Object.assign(args, readPairs(text)),
    ENV: (text) => Object.assign(image.env, readPairs(text)),
    SHELL: (text) => {
      shell = JSON.parse(text);
    },
    WORKDIR: (text) => {
      image.workdir = text;
      mkdirSync(join(root, text), { recursive: true });
    },
    COPY: (text) => copy(text, { root, workdir: image.workdir, sourceOf }),
    RUN: (text) => {
      if (stage.from === 'scratch') throw new Error('there is nothing to run in scratch');
      runInOverlay(root, image.workdir, { ...image.env, ...args }, [...shell, text]);
    },
    USER: (text) => {
      image.user = text;
    },
    EXPOSE: () => {},
    LABEL: (text) => {
      image.labels = text;
    },
    ENTRYPOINT: (text) => {
      image.entrypoint = JSON.parse(text);
    },
    CMD: (text) => {
      image.cmd = JSON.parse(text);
    },
    HEALTHCHECK: (text) => {
      image.healthcheck = JSON.parse(text.slice(text.indexOf('CMD ') + 4));
    },
  };
  for (const { word, text } of stage.instructions) carryOut[word]?.(text);
  return image;
}

function readPairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(/\s+/).map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]),
  );
}

function copy(
  text: string,
  { root, workdir, sourceOf }: Pick<Building, 'root' | 'sourceOf'> & { workdir: string },
): void {
  const { from, owner, sources, target } = readCopy(text);
  const source = sourceOf(from) ?? '';
  const to = join(root, resolve(workdir, target));
  for (const each of sources) {
    const path = join(source, each);
    const isDirectory = statSync(path).isDirectory();
    const isFolder = isDirectory || target.endsWith('/');
    mkdirSync(isFolder ? to : dirname(to), { recursive: true });
    // Of a directory, Docker copies what is in it, and leaves a directory that is there as it is.
    for (const entry of isDirectory ? readdirSync(path).map((name) => join(path, name)) : [path]) {
      const landed = isFolder ? join(to, basename(entry)) : to;
      execFileSync('cp', ['-a', '--no-target-directory', entry, landed]);
      execFileSync('chown', ['-Rh', owner, landed]);
    }
  }
}

/** Runs a command of a build in this machine's files; what it writes lands in `root`. */
function runInOverlay(
  root: string,
  workdir: string,
  env: Readonly<Record<string, string>>,
  command: readonly string[],
): void {
  const [work, merged] = [`${root}.work`, `${root}.merged`];
  for (const each of [work, merged]) if (!existsSync(each)) mkdirSync(each);
  const script = `set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=${root},workdir=${work}" "${merged}"
mount --rbind /dev "${merged}/dev"
mount --rbind /proc "${merged}/proc"
exec chroot "${merged}" /usr/bin/env -C "${workdir}" "$@"`;
  const args = ['--mount', '--fork', 'sh', '-c', script, 'sh', ...command];
  const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
  const { status, stderr } = spawnSync('unshare', args, {
    env: { ...process.env, NODE_OPTIONS: '', PATH: path, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command.join(' ')}\n${stderr}`);
}
