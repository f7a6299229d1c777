import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import {
  criticalFindings,
  k8s,
  kubernetesVersions,
  kustomize,
  one,
  type Resource,
  tools,
  validate,
} from '../support/manifests.ts';
import { admits, podOf, podProblems } from '../support/pod-rules.ts';
import { endAll } from '../support/process.ts';

jest.setTimeout(120_000);
afterAll(endAll);

const shapes = ['standalone', 'sidecar'];
const examples = ['ingress-nginx', 'traefik', 'istio', 'kong'].map((name) => `examples/${name}`);

(tools.kustomize ? describe : describe.skip)('the manifests', () => {
  const folders = tools.kustomize ? [...shapes, ...examples] : [];
  const all = new Map(folders.map((folder) => [folder, kustomize(folder)]));
  const of = (folder: string) => all.get(folder) ?? [];

  // The other examples are resources of Traefik and Istio only.
  describe.each([...shapes, 'examples/ingress-nginx', 'examples/kong'])('%s', (folder) => {
    (tools.validator ? it : it.skip)('is taken by the five newest versions of Kubernetes', () => {
      const versions = kubernetesVersions(5);
      expect(versions).toHaveLength(5);
      expect(versions.map((version) => validate(of(folder), version))).toEqual(
        versions.map(() => ''),
      );
    });

    (tools.kubeScore ? it : it.skip)('has nothing that kube-score calls critical', () => {
      // The service behind an example is the reader's own.
      const own = /: ingress-targets-service$/;
      expect(criticalFindings(of(folder)).filter((finding) => !own.test(finding))).toEqual([]);
    });
  });

  (tools.validator ? it : it.skip)('would not be taken with a word that Kubernetes lacks', () => {
    const [version = ''] = kubernetesVersions(1);
    const { spec, ...deployment } = one(of('standalone'), 'Deployment');
    const wrong = { ...deployment, spec: { ...spec, minReadySecond: 5 } };
    expect(validate([wrong], version)).toContain('minReadySecond');
  });

  describe.each(shapes)('a pod of %s', (folder) => {
    const workload = () => one(of(folder), 'Deployment');
    const pod = () => podOf(workload());

    it('keeps to the restricted pod security standard, and has no rights in the cluster', () => {
      expect(podProblems(pod())).toEqual([]);
      expect(pod().automountServiceAccountToken).toBe(false);
      expect(one(of(folder), 'Namespace').metadata.labels).toMatchObject({
        'pod-security.kubernetes.io/enforce': 'restricted',
      });
    });

    it('may write nowhere, and reads its Secret by its group only', () => {
      for (const container of [...(pod().initContainers ?? []), ...pod().containers]) {
        expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
      }
      const volume = pod().volumes.find(({ name }: { name: string }) => name === 'countersign');
      expect(volume.projected.defaultMode).toBe(0o440);
      expect(pod().securityContext.fsGroup).toBeGreaterThanOrEqual(10_000);
      expect(JSON.stringify(pod())).not.toContain('secretKeyRef');
    });

    it('is found by the selectors that name it, and all its named ports are there', () => {
      const { labels } = workload().spec.template.metadata;
      const matches = (selector: Readonly<Record<string, string>>) =>
        Object.entries(selector).every(([name, value]) => labels[name] === value);
      expect(matches(workload().spec.selector.matchLabels)).toBe(true);
      const ports = namesOfPorts(pod());
      for (const service of of(folder).filter(({ kind }) => kind === 'Service')) {
        expect(matches(service.spec.selector)).toBe(true);
        for (const { targetPort } of service.spec.ports) expect(ports).toContain(targetPort);
      }
      for (const policy of of(folder).filter(({ kind }) => kind === 'NetworkPolicy')) {
        const named = (policy.spec.ingress ?? []).flatMap((rule: Resource) => rule['ports']);
        for (const { port } of named) expect(ports).toContain(port);
      }
      const budget = one(of(folder), 'PodDisruptionBudget');
      expect(matches(budget.spec.selector.matchLabels)).toBe(true);
    });

    it('is given the time that stopping takes', () => {
      const { data } = one(of(folder), 'ConfigMap', configMapOf(pod()));
      const drain = Number.parseInt(parse(data?.['countersign.yaml'] ?? '').drain, 10);
      const pause = pod().containers[0].lifecycle?.preStop?.sleep?.seconds ?? 0;
      expect(drain).toBeGreaterThan(0);
      // It serves on for `drain`, and requests in flight have that time again.
      expect(pod().terminationGracePeriodSeconds).toBeGreaterThanOrEqual(pause + 2 * drain + 5);
    });
  });

  it('of the sidecar start Countersign before the gateway, and stop it after', () => {
    const { initContainers, containers } = podOf(one(of('sidecar'), 'Deployment'));
    expect(initContainers).toHaveLength(1);
    expect(initContainers[0]).toMatchObject({ name: 'countersign', restartPolicy: 'Always' });
    expect(initContainers[0].startupProbe).toBeDefined();
    expect(containers.map(({ name }: { name: string }) => name)).toEqual(['nginx']);
  });

  describe('the network policies of standalone', () => {
    const policies = of('standalone').filter(({ kind }) => kind === 'NetworkPolicy');
    const from = (namespace: Readonly<Record<string, string>>, port: string) =>
      admits(policies, { pod: { 'app.kubernetes.io/name': 'countersign' }, namespace, port });
    const gateway = { 'kubernetes.io/metadata.name': 'edge', 'countersign-gateway': 'true' };
    const shop = { 'kubernetes.io/metadata.name': 'shop' };
    const monitoring = { 'kubernetes.io/metadata.name': 'monitoring' };

    it('let gateways ask for tokens, and nobody else', () => {
      const { ports } = podOf(one(of('standalone'), 'Deployment')).containers[0];
      expect(ports.map(({ name }: { name: string }) => name)).toEqual(['auth', 'public', 'ops']);
      expect(from(gateway, 'auth')).toBe(true);
      expect(from(shop, 'auth')).toBe(false);
      expect(from(monitoring, 'auth')).toBe(false);
    });

    it('let everybody fetch keys, and only monitoring see the rest', () => {
      expect(from(shop, 'public')).toBe(true);
      expect(from(gateway, 'ops')).toBe(false);
      expect(from(monitoring, 'ops')).toBe(true);
    });

    it('close whatever else is in the namespace, in both directions', () => {
      const other = { pod: { app: 'other' }, namespace: shop, port: 'http' };
      expect(admits(policies, other)).toBe(false);
      const everything = policies.filter(({ spec }) => JSON.stringify(spec.podSelector) === '{}');
      expect(everything.map(({ spec }) => spec)).toEqual([
        { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
      ]);
    });
  });

  it('of Istio have the provider of the recipe, and the secret for Countersign', () => {
    const read = (file: string) => parse(readFileSync(file, 'utf8')).extensionProviders[0];
    const recipe = read(join(k8s, '..', 'gateways', 'istio', 'meshconfig.yaml'));
    const example = read(join(k8s, 'examples', 'istio', 'meshconfig.yaml'));
    const { includeAdditionalHeadersInCheck: added, ...rest } = example.envoyExtAuthzHttp;
    expect(rest).toEqual(recipe.envoyExtAuthzHttp);
    expect(added).toEqual({ 'x-countersign-secret': '<gateway-secret>' });
  });

  it('of Traefik have the middlewares of the recipe, and the secret only between two of them', () => {
    const recipe = parse(readFileSync(join(k8s, '..', 'gateways/traefik/dynamic.yaml'), 'utf8'));
    const { middlewares } = recipe.http;
    const spec = (name: string) => one(of('examples/traefik'), 'Middleware', name).spec;
    const strip = { ...spec('countersign-strip').headers.customRequestHeaders };
    expect(strip['X-Countersign-Secret']).toBe('<gateway-secret>');
    expect({ ...strip, 'X-Countersign-Secret': '' }).toEqual(
      middlewares['countersign-strip'].headers.customRequestHeaders,
    );
    expect(spec('countersign-certificate')).toEqual(middlewares['countersign-certificate']);
    const { address, ...ask } = spec('countersign-ask').forwardAuth;
    const { address: local, ...asked } = middlewares['countersign-ask'].forwardAuth;
    expect(ask).toEqual(asked);
    expect(new URL(address).pathname).toBe(new URL(local).pathname);
    const chain = spec('countersign').chain.middlewares.map(({ name }: { name: string }) => name);
    expect(chain).toEqual([...middlewares['countersign'].chain.middlewares, 'countersign-forget']);
    expect(spec('countersign-forget').headers.customRequestHeaders).toEqual({
      'X-Countersign-Secret': '',
    });
  });

  it('of Kong set only what the plugin knows', () => {
    const plugin = one(of('examples/kong'), 'KongPlugin');
    const schema = readFileSync(
      join(k8s, '..', 'gateways/kong/kong/plugins/countersign/schema.lua'),
      'utf8',
    );
    const patched = plugin['configPatches'].map(({ path }: { path: string }) => path.slice(1));
    for (const setting of [...Object.keys(plugin['config']), ...patched]) {
      expect(schema).toMatch(new RegExp(`\\{ ${setting} = `));
    }
  });

  it('of every gateway name the service, the port and the endpoint that standalone has', () => {
    const service = one(of('standalone'), 'Service');
    const { namespace, name } = service.metadata;
    const auth = service.spec.ports.find((port: { name: string }) => port.name === 'auth').port;
    const text =
      JSON.stringify(examples.map(of)) +
      JSON.stringify(parse(readFileSync(join(k8s, 'examples/istio/meshconfig.yaml'), 'utf8')));
    const urls = [...text.matchAll(/http:\/\/([^/"]+)\/auth\/([\w-]+)/g)];
    expect(urls.map(([, , gateway]) => gateway).sort()).toEqual([
      'ingress-nginx',
      'kong',
      'traefik',
    ]);
    for (const [, host] of urls)
      expect(host).toBe(`${name}.${namespace}.svc.cluster.local:${auth}`);
    expect(text).toContain(`"service":"${name}.${namespace}.svc.cluster.local","port":${auth}`);
  });
});

function namesOfPorts(pod: Resource['spec']): string[] {
  return [...(pod.initContainers ?? []), ...pod.containers].flatMap(({ ports }) =>
    ports.map(({ name }: { name: string }) => name),
  );
}

function configMapOf(pod: Resource['spec']): string {
  const volume = pod.volumes.find(({ name }: { name: string }) => name === 'countersign');
  return volume.projected.sources[0].configMap.name;
}
