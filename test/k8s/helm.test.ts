import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import {
  chart,
  criticalFindings,
  helmTemplate,
  kubernetesVersions,
  kustomize,
  one,
  type Resource,
  tools,
  validate,
} from '../support/manifests.ts';
import { podOf, podProblems } from '../support/pod-rules.ts';
import { endAll, freshDirectory, writeFiles } from '../support/process.ts';
import { programs } from '../support/programs.ts';

jest.setTimeout(120_000);
afterAll(endAll);

const tls = { cert_file: 'tls/tls.crt', key_file: 'tls/tls.key' };

/** What users may set, all at once. */
const everything = {
  image: {
    repository: 'registry.example.com/team/countersign',
    digest: `sha256:${'0a'.repeat(32)}`,
  },
  imagePullSecrets: [{ name: 'registry' }],
  config: {
    listen: {
      auth: { address: '0.0.0.0:8443', tls: { ...tls, client_ca_file: 'tls/ca.crt' } },
      grpc: '0.0.0.0:9001',
      ops: { address: '0.0.0.0:9443', tls },
    },
    gateways: { 'ingress-nginx': null, mesh: { profile: 'envoy_grpc' } },
    callers: { certificates: ['gateway.example.com'] },
    log: { decisions: 'all' },
  },
  sources: [
    { secret: { name: 'countersign-tls', items: [{ key: 'tls.crt', path: 'tls/tls.crt' }] } },
  ],
  env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/countersign/ca.pem' }],
  replicas: { min: 3 },
  podLabels: { team: 'edge' },
  podAnnotations: { 'example.com/note': 'yes' },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'edge', operator: 'Exists' }],
  priorityClassName: 'edge-critical',
  networkPolicy: {
    egress: [{ to: [{ ipBlock: { cidr: '192.0.2.7/32' } }], ports: [{ port: 443 }] }],
  },
};

/** What a gateway's own chart says to have a sidecar. */
const sidecarValues = {
  shape: 'sidecar',
  resources: {
    requests: { cpu: '100m', memory: '192Mi' },
    limits: { cpu: '1', memory: '192Mi' },
  },
  config: { listen: { auth: '127.0.0.1:8080' }, callers: null, drain: '1s' },
};

const gatewayTemplate = `apiVersion: apps/v1
kind: Deployment
metadata: { name: gateway }
spec:
  selector: { matchLabels: { app: gateway } }
  template:
    metadata:
      labels: { app: gateway, serves-jwks: {{ .Release.Name }} }
      annotations: {{- include "countersign.checksum" .Subcharts.countersign | nindent 8 }}
    spec:
      securityContext: { fsGroup: 65532 }
      initContainers: {{- include "countersign.sidecar" .Subcharts.countersign | nindent 8 }}
      containers: [{ name: gateway, image: nginx }]
      volumes: {{- include "countersign.volume" .Subcharts.countersign | nindent 8 }}
`;

/** A chart with this one as a dependency. */
function gatewayChart(): string {
  const directory = freshDirectory();
  const dependency = { name: 'countersign', version: '0.1.0' };
  writeFiles(directory, {
    'Chart.yaml': JSON.stringify({
      ...{ apiVersion: 'v2', name: 'gateway', version: '1.0.0', dependencies: [dependency] },
    }),
    'values.yaml': JSON.stringify({ countersign: sidecarValues }),
    'templates/gateway.yaml': gatewayTemplate,
  });
  cpSync(chart, join(directory, 'charts', 'countersign'), { recursive: true });
  return directory;
}

(tools.helm ? describe : describe.skip)('the chart', () => {
  it('has nothing that `helm lint --strict` complains about', () => {
    const { status, stdout } = spawnSync(programs.helm, ['lint', '--strict', chart], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining('0 chart(s) failed')]);
  });

  it('has the version of the package, in three places', () => {
    const read = (file: string) => readFileSync(join(chart, file), 'utf8');
    const { version } = JSON.parse(read('../../../package.json'));
    const { version: own, appVersion } = parse(read('Chart.yaml'));
    expect([own, appVersion]).toEqual([version, version]);
  });

  (tools.kustomize ? it : it.skip)('makes what k8s/standalone makes', () => {
    const ours = helmTemplate();
    const theirs = kustomize('standalone');
    for (const kind of [
      ...['Service', 'Deployment', 'HorizontalPodAutoscaler'],
      ...['PodDisruptionBudget', 'NetworkPolicy'],
    ]) {
      const [own, their] = [ours, theirs].map((each) => one(each, kind, 'countersign').spec);
      expect(comparable(own)).toEqual(comparable(their));
    }
    expect(configOf(ours)).toEqual(configOf(theirs));
  });

  it.each([
    ['by itself', {}],
    ['with everything set', everything],
    ['as a sidecar', sidecarValues],
  ])('makes %s what Kubernetes takes, and nothing critical', (_how, values) => {
    const resources = helmTemplate(values);
    if (tools.validator) {
      for (const version of kubernetesVersions(5)) expect(validate(resources, version)).toBe('');
    }
    const alone = 'service-targets-pod'; // the pods of a sidecar are in another chart
    const findings = tools.kubeScore ? criticalFindings(resources) : [];
    expect(findings.filter((each) => !each.includes(alone))).toEqual([]);
  });

  it('puts each value where it belongs', () => {
    const resources = helmTemplate(everything);
    const { template } = one(resources, 'Deployment').spec;
    expect({ template, service: one(resources, 'Service').spec }).toMatchSnapshot();
    expect(podProblems(template.spec)).toEqual([]);
    expect(one(resources, 'NetworkPolicy').spec).toMatchSnapshot();
    expect(one(resources, 'HorizontalPodAutoscaler').spec.minReplicas).toBe(3);
  });

  const page = readFileSync(join(chart, '../../../docs/kubernetes.md'), 'utf8');
  const examples = [...page.matchAll(/^```yaml\n# values\.yaml\n(.*?)^```/gms)];

  it('takes the values that the page shows', () => {
    expect(examples).toHaveLength(3);
    const [standalone = [], redis = [], sidecar = []] = examples.map(([, text = '']) =>
      helmTemplate(parse(text)),
    );
    expect(configOf(standalone)).toMatchObject({
      issuer: 'https://auth.example.com',
      gateways: { 'ingress-nginx': {} },
    });
    expect(sidecar.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Service']);
    if (!tools.kustomize) return;
    const overlay = kustomize('redis');
    const { keys, state } = configOf(overlay);
    expect(configOf(redis)).toMatchObject({ keys: { algorithm: keys.algorithm }, state });
    expect(configOf(redis).keys).not.toHaveProperty('private_jwk_file');
    const [own, their] = [redis, overlay].map((all) => one(all, 'NetworkPolicy', 'countersign'));
    expect(own?.spec.egress).toEqual(their?.spec.egress);
  });

  it('makes new pods when the configuration changes, and only then', () => {
    const checksum = (values: object) =>
      one(helmTemplate(values), 'Deployment').spec.template.metadata.annotations[
        'checksum/countersign'
      ];
    expect(checksum({ config: { drain: '11s' } })).not.toBe(checksum({}));
    expect(checksum({ replicas: { max: 11 } })).toBe(checksum({}));
  });

  it('as a dependency lends its container to the pod of another chart', () => {
    const resources = helmTemplate({}, gatewayChart());
    const pod = podOf(one(resources, 'Deployment'));
    expect(pod).toMatchSnapshot();
    const kinds = resources.map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['ConfigMap', 'Deployment', 'Service']);
    if (!tools.kustomize) return;
    const [own] = pod.initContainers;
    const [their] = podOf(one(kustomize('sidecar'), 'Deployment')).initContainers;
    const { resources: _own, ...rest } = own;
    const { resources: _their, ...theirRest } = their;
    expect(rest).toEqual(theirRest);
  });

  it.each([
    ['a key that it does not have', { replica: 3 }, 'replica'],
    ['one inside another', { image: { name: 'x' } }, 'name'],
    ['no replicas', { replicas: { min: 0 } }, 'min'],
    ['a number as text', { terminationGracePeriodSeconds: '30' }, 'terminationGracePeriodSeconds'],
    ['a digest that is none', { image: { digest: 'latest' } }, 'digest'],
    ['a word that the configuration does not have', { config: { gatways: {} } }, 'gatways'],
    ['one deep in it', { config: { token: { expires: '5m' } } }, 'expires'],
    [
      'a gateway of an unknown profile',
      { config: { gateways: { x: { profile: 'y' } } } },
      'profile',
    ],
    ['no issuer', { config: { issuer: null } }, 'issuer'],
    ['a shape that it does not know', { shape: 'daemonset' }, 'shape'],
    [
      'an auth listener that nobody can ask',
      { config: { listen: { auth: '127.0.0.1:8080' } } },
      'loopback',
    ],
    ['a sidecar that everybody can ask', { shape: 'sidecar' }, 'loopback'],
  ])('refuses %s', (_what, values, message) => {
    expect(() => helmTemplate(values)).toThrow(message);
  });
});

function configOf(resources: readonly Resource[]) {
  const [found] = resources.filter(({ data }) => data?.['countersign.yaml'] !== undefined);
  return parse(found?.data?.['countersign.yaml'] ?? '');
}

/** Without what differs by nature: Helm's labels, and the hash in the name of a ConfigMap. */
function comparable(spec: Resource['spec']): unknown {
  return JSON.parse(
    JSON.stringify(spec)
      .replaceAll('"app.kubernetes.io/instance":"countersign",', '')
      .replaceAll(',"app.kubernetes.io/instance":"countersign"', '')
      .replace(/,?"annotations":\{"checksum\/countersign":"\w+"\}/, '')
      .replace(/"configMap":\{"name":"countersign-\w+"\}/, '"configMap":{"name":"countersign"}'),
  );
}
