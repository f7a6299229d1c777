import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Container, type Network, runContainer } from './container.ts';
import type { Image } from './image.ts';
import type { Resource } from './manifests.ts';
import { freshDirectory } from './process.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is Kubernetes', whose schemas are asked elsewhere
type Any = any;

export interface PodDeps {
  readonly network: Network;
  /** The ConfigMaps are among them. */
  readonly resources: readonly Resource[];
  /** File contents by name, by the Secret's name. */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What stands for a container's image. */
  readonly imageOf: (name: string) => Image;
  readonly hosts?: readonly string[];
}

/** Starts one container of a pod as a kubelet does: its user, its group, its volumes, its arguments. */
export function runPodContainer(pod: Any, container: Any, deps: PodDeps): Container {
  const { runAsUser, runAsGroup, fsGroup } = {
    ...pod.securityContext,
    ...container.securityContext,
  };
  const image = deps.imageOf(container.image);
  const entrypoint = container.command === undefined ? image.entrypoint : container.command;
  return runContainer(
    { ...image, entrypoint },
    {
      network: deps.network,
      args: container.args ?? (container.command === undefined ? image.cmd : []),
      user: `${runAsUser}:${runAsGroup}`,
      supplementaryGroup: String(fsGroup ?? ''),
      hosts: deps.hosts ?? [],
      mounts: (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }: Any) => ({
        source: makeVolume(
          pod.volumes.find((each: Any) => each.name === name),
          { ...deps, fsGroup },
        ),
        path: mountPath,
        readOnly: readOnly === true,
      })),
    },
  );
}

function makeVolume(volume: Any, deps: PodDeps & { fsGroup: number | undefined }): string {
  const directory = freshDirectory();
  execFileSync('chmod', ['0777', directory]);
  if (volume.emptyDir !== undefined) return directory;
  const { sources, defaultMode = 0o644 } = volume.projected;
  // As the kubelet writes it: a directory that a link points to, so that all files change in one step.
  const version = join(directory, '..2026_11_24');
  for (const source of sources) {
    for (const [path, contents] of Object.entries(filesOf(source, deps))) {
      mkdirSync(dirname(join(version, path)), { recursive: true });
      writeFileSync(join(version, path), contents, { mode: defaultMode });
      execFileSync('chmod', [defaultMode.toString(8), join(version, path)]);
      const [first = ''] = path.split('/');
      linkOnce(join('..data', first), join(directory, first));
    }
  }
  symlinkSync('..2026_11_24', join(directory, '..data'));
  execFileSync('chown', ['-R', `root:${deps.fsGroup ?? 'root'}`, version]);
  return directory;
}

function linkOnce(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function filesOf(
  { configMap, secret, ...other }: Any,
  { resources, secrets }: PodDeps,
): Record<string, string> {
  if (Object.keys(other).length > 0) throw new Error('only ConfigMaps and Secrets are understood');
  const data = configMap
    ? resources.find((each) => each.kind === 'ConfigMap' && each.metadata.name === configMap.name)
        ?.data
    : secrets[secret.name];
  if (data === undefined) throw new Error(`there is no ${(configMap ?? secret).name}`);
  const { items } = configMap ?? secret;
  if (items === undefined) return { ...data };
  return Object.fromEntries(items.map(({ key, path }: Any) => [path, data[key] ?? missing(key)]));
}

function missing(key: string): never {
  throw new Error(`there is no ${key}`);
}

/** @returns the status of a container's probe, asked as the kubelet does, or undefined */
export function probe(container: Any, kind: string, network: Network): number | undefined {
  const { path, port } = container[`${kind}Probe`].httpGet;
  const number = container.ports.find(({ name }: Any) => name === port)?.containerPort ?? port;
  return network.ask(`http://127.0.0.1:${number}${path}`)?.status;
}

/** @returns `address:port` of what listens in a network */
export function listening(network: Network): string[] {
  const args = [`--net=/proc/${network.pid}/ns/net`, 'ss', '-Hltn'];
  return execFileSync('nsenter', args, { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[3] ?? '')
    .filter((address) => address !== '')
    .sort();
}
