import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { freshDirectory, isMissing, writeFiles } from './process.ts';
import { programs } from './programs.ts';
import { python as found } from './python.ts';

/** The tests that use it are skipped when there is none. */
const python = found ?? 'python3';

export const k8s = join(import.meta.dirname, '..', '..', 'k8s');

export const tools = {
  kustomize: !isMissing('kustomize') && spawnSync(programs.kustomize, ['version']).status === 0,
  helm: !isMissing('helm') && spawnSync(programs.helm, ['version']).status === 0,
  kubeScore: spawnSync(programs.kubeScore, ['version']).status === 0,
  validator: spawnSync(python, ['-c', 'import kubernetes_validate']).status === 0,
};

/** What is read of a resource; the rest is checked against Kubernetes' schemas. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has another, and the schemas were asked
  readonly spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: of resources that are no part of Kubernetes
  readonly [other: string]: any;
}

/** @param folder below k8s/ */
export function kustomize(folder: string): Resource[] {
  return readManifests(
    execFileSync(programs.kustomize, ['build', join(k8s, folder)], { encoding: 'utf8' }),
  );
}

export const chart = join(k8s, 'helm', 'countersign');

/**
 * @param values laid over those of the chart
 * @throws with what Helm says
 */
export function helmTemplate(values: object = {}, folder = chart): Resource[] {
  const args = ['template', 'countersign', folder, '--namespace=countersign', '--values=-'];
  const { status, stdout, stderr } = spawnSync(programs.helm, args, {
    input: JSON.stringify(values),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return readManifests(stdout);
}

/** Kubernetes reads YAML 1.1: 0440 is octal there. */
export function readManifests(text: string): Resource[] {
  return parseAllDocuments(text, { version: '1.1', merge: true })
    .map((document) => document.toJS())
    .filter((resource) => resource !== null);
}

export function one(resources: readonly Resource[], kind: string, name?: string): Resource {
  const found = resources.filter(
    (each) => each.kind === kind && (name === undefined || each.metadata.name === name),
  );
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return found[0] as Resource;
}

/** Resources of others, whose schemas Kubernetes does not have. */
const foreign =
  /^(traefik\.io|configuration\.konghq\.com|networking\.istio\.io|security\.istio\.io)\//;

/** @returns the newest minor versions of Kubernetes whose schemas are here, newest last */
export function kubernetesVersions(count: number): string[] {
  const where =
    'import kubernetes_validate as k, os; print(os.path.join(os.path.dirname(k.__file__), "kubernetes-json-schema"))';
  const folder = execFileSync(python, ['-c', where], { encoding: 'utf8' }).trim();
  const minors = readdirSync(folder)
    .map((name) => /^v1\.(\d+)\.\d+-local-strict$/.exec(name)?.[1])
    .filter((minor) => minor !== undefined)
    .map(Number);
  return [...new Set(minors)]
    .sort((a, b) => a - b)
    .slice(-count)
    .map((minor) => `1.${minor}`);
}

/** @returns what Kubernetes of that version would not take */
export function validate(resources: readonly Resource[], version: string): string {
  const directory = freshDirectory();
  const known = resources.filter(({ apiVersion }) => !foreign.test(apiVersion));
  writeFiles(directory, { 'all.yaml': asYaml(known) });
  const args = ['-m', 'kubernetes_validate', '--strict', '--quiet', '-k', version, 'all.yaml'];
  const { status, stdout, stderr } = spawnSync(python, args, { cwd: directory, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}` || `exit code ${status}`;
}

/** JSON is YAML. */
function asYaml(resources: readonly Resource[]): string {
  return resources.map((each) => JSON.stringify(each)).join('\n---\n');
}

const critical = 1;

/** @returns what kube-score calls critical */
export function criticalFindings(resources: readonly Resource[]): string[] {
  const { stdout } = spawnSync(programs.kubeScore, ['score', '-o', 'json', '-'], {
    input: asYaml(resources),
    encoding: 'utf8',
  });
  // Of resources that it does not know, it says null.
  const scored = (JSON.parse(stdout) ?? []) as readonly {
    readonly object_name: string;
    readonly checks: readonly {
      readonly check: { readonly id: string };
      readonly grade: number;
      readonly skipped: boolean;
    }[];
  }[];
  return scored.flatMap(({ object_name, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade <= critical)
      .map(({ check }) => `${object_name}: ${check.id}`),
  );
}
