import type { Resource } from './manifests.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is Kubernetes', whose schemas are asked elsewhere
type Any = any;

export function podOf(workload: Resource): Any {
  return workload.spec.template.spec;
}

/** @returns what the pod security standard `restricted` forbids, as far as this can tell */
export function podProblems(pod: Any): string[] {
  const problems: string[] = [];
  const forbid = (what: string, is: boolean) => {
    if (is) problems.push(what);
  };
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) forbid(key, pod[key] === true);
  const volumes = [
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'ephemeral',
    'projected',
    'secret',
  ];
  for (const { name, ...source } of pod.volumes ?? []) {
    forbid(`volume ${name}`, !Object.keys(source).every((kind) => volumes.includes(kind)));
  }
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const own = { ...pod.securityContext, ...container.securityContext };
    const say = (what: string, is: boolean) => forbid(`${container.name}: ${what}`, is);
    say('runs as root', own.runAsNonRoot !== true || !(own.runAsUser >= 10_000));
    say('may get privileges', own.allowPrivilegeEscalation !== false || own.privileged === true);
    say('has capabilities', own.capabilities?.drop?.[0] !== 'ALL' || own.capabilities.add);
    say('has no seccomp profile', own.seccompProfile?.type !== 'RuntimeDefault');
    say(
      'has a port of the node',
      container.ports?.some(({ hostPort }: Any) => hostPort),
    );
  }
  return problems;
}

interface Flow {
  /** Labels of the pod that is called. */
  readonly pod: Readonly<Record<string, string>>;
  /** Labels of the namespace that calls. */
  readonly namespace: Readonly<Record<string, string>>;
  /** The name of the port. */
  readonly port: string;
}

/** Whether NetworkPolicies let a call in. Only what those of this repository use is understood. */
export function admits(policies: readonly Resource[], { pod, namespace, port }: Flow): boolean {
  const selecting = policies.filter(
    ({ spec }) => holds(spec.podSelector, pod) && spec.policyTypes.includes('Ingress'),
  );
  return (
    selecting.length === 0 ||
    selecting.some(({ spec }) =>
      (spec.ingress ?? []).some(
        (rule: Any) =>
          rule.ports.some((each: Any) => each.port === port) &&
          (rule.from ?? [{ namespaceSelector: {} }]).some(({ namespaceSelector }: Any) =>
            holds(namespaceSelector, namespace),
          ),
      ),
    )
  );
}

function holds(selector: Any, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, ...other } = selector;
  if (Object.keys(other).length > 0) throw new Error('only matchLabels is understood');
  return Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
}
