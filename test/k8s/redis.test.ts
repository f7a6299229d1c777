import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { issueAuthority, issueCertificate, name, subjectAltName } from '../support/certificates.ts';
import { type Container, createNetwork, type Network } from '../support/container.ts';
import { canBuildImages, type Image, imageOfCheckout } from '../support/image.ts';
import {
  criticalFindings,
  kubernetesVersions,
  kustomize,
  one,
  type Resource,
  tools,
  validate,
} from '../support/manifests.ts';
import { runPodContainer } from '../support/pod.ts';
import { podOf } from '../support/pod-rules.ts';
import {
  ask,
  claimsOf,
  makeSecret,
  type Secret,
  tokenOf,
  untilReady,
} from '../support/pod-traffic.ts';
import { endAll, freshDirectory, start, until, writeFiles } from '../support/process.ts';

jest.setTimeout(300_000);
afterAll(endAll);

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const password = 'a-password-of-redis';

function configuration(resources: readonly Resource[]) {
  const maps = resources.filter(({ data }) => data?.['countersign.yaml'] !== undefined);
  return parse(maps[0]?.data?.['countersign.yaml'] ?? '');
}

(tools.kustomize ? describe : describe.skip)('the redis overlay', () => {
  const resources = tools.kustomize ? kustomize('redis') : [];

  it('differs from standalone in keys, state, clients and one way out of the pod', () => {
    const others = kustomize('standalone');
    const { keys: _keys, state: _state, clients: _clients, ...rest } = configuration(resources);
    const { keys: _key, ...expected } = configuration(others);
    expect(rest).toEqual(expected);
    const egress = (all: readonly Resource[]) =>
      one(all, 'NetworkPolicy', 'countersign').spec.egress;
    expect(egress(resources).slice(0, -1)).toEqual(egress(others));
    expect(JSON.stringify(egress(resources).at(-1))).toContain('6379');
  });

  (tools.validator ? it : it.skip)('is taken by the five newest versions of Kubernetes', () => {
    for (const version of kubernetesVersions(5)) expect(validate(resources, version)).toBe('');
  });

  (tools.kubeScore ? it : it.skip)('has nothing that kube-score calls critical', () => {
    expect(criticalFindings(resources)).toEqual([]);
  });

  (canBuildImages() && hasRedis ? describe : describe.skip)('in a pod', () => {
    let image: Image;
    let network: Network;
    let secret: Secret;
    let first: Container;
    const pod = () => podOf(one(resources, 'Deployment'));
    const container = () => pod().containers[0];
    const says = () => [
      `apikey: ${secret.shown[0]}`,
      `X-Countersign-Secret: ${secret.files['gateway-secret']?.trim()}`,
    ];
    const startPod = () =>
      runPodContainer(pod(), container(), {
        ...{ network, resources, secrets: { countersign: secret.files }, imageOf: () => image },
        hosts: ['redis.redis.svc.cluster.local'],
      });
    const asIncident = () => ['-u', `incident:${secret.shown[1]}`];
    const introspected = (token: string) =>
      network.ask('http://127.0.0.1:8081/introspect', ...asIncident(), '-d', `token=${token}`)
        ?.body;

    beforeAll(async () => {
      image = imageOfCheckout();
      network = await createNetwork();
      const authority = startTlsRedis(network);
      secret = makeSecret('openssl rand', {
        'redis-password': `${password}\n`,
        'redis-ca.pem': authority,
      });
    });

    it('signs with a key that lies in Redis', async () => {
      first = startPod();
      await untilReady(container(), first, network);
      const answer = ask(network, 'traefik', ...says());
      expect(await claimsOf(network, answer?.head)).toMatchObject({ client_id: 'reports' });
      expect(introspected(tokenOf(answer?.head))).toContain('"active":true');
    });

    it('is followed by a pod that has the key, and knows what was revoked', async () => {
      const token = tokenOf(ask(network, 'traefik', ...says())?.head);
      const revoked = network.ask(
        'http://127.0.0.1:8081/revoke',
        ...asIncident(),
        '-d',
        `token=${token}`,
      );
      expect(revoked?.status).toBe(200);
      const jwks = () => network.ask('http://127.0.0.1:8081/jwks')?.body;
      const before = jwks();
      first.kill('SIGKILL');
      await first.ended;

      const second = startPod();
      await untilReady(container(), second, network);
      expect(jwks()).toBe(before);
      await until(() => introspected(token) === '{"active":false}', second);
      second.signal('SIGTERM');
      expect(await second.ended).toMatchObject({ code: 0, stderr: '' });
    });
  });
});

/** @returns the certificate of the authority that signed its own */
function startTlsRedis({ pid }: Network): string {
  const authority = issueAuthority({ subject: name({ CN: 'Redis CA' }) });
  const server = issueCertificate(
    {
      subject: name({ CN: 'redis' }),
      extensions: [subjectAltName(['dns', 'redis.redis.svc.cluster.local'])],
    },
    authority,
  );
  const directory = freshDirectory();
  writeFiles(directory, {
    'ca.pem': authority.pem,
    'tls.crt': server.pem,
    'tls.key': String(server.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  });
  const file = (each: string) => join(directory, each);
  start('nsenter', [
    ...[`--net=/proc/${pid}/ns/net`, 'redis-server', '--port', '0', '--tls-port', '6379'],
    ...['--tls-cert-file', file('tls.crt'), '--tls-key-file', file('tls.key')],
    ...['--tls-ca-cert-file', file('ca.pem'), '--tls-auth-clients', 'no'],
    ...['--requirepass', password, '--save', '', '--dir', directory],
  ]);
  return authority.pem;
}
