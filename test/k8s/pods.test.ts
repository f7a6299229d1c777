import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { type Container, createNetwork, type Network } from '../support/container.ts';
import { canBuildImages, type Image, imageOfCheckout, machine } from '../support/image.ts';
import { kustomize, one, type Resource, tools } from '../support/manifests.ts';
import { listening, probe, runPodContainer } from '../support/pod.ts';
import { podOf } from '../support/pod-rules.ts';
import { ask, claimsOf, makeSecret, type Secret, untilReady } from '../support/pod-traffic.ts';
import { endAll, isMissing, start, until } from '../support/process.ts';

jest.setTimeout(300_000);
afterAll(endAll);

const canRun = canBuildImages() && tools.kustomize && !isMissing('nginx');

/** Everything between the manifests and a process is what a kubelet and a runtime would do. */
(canRun ? describe : describe.skip)('a pod', () => {
  let image: Image;
  let secret: Secret;
  beforeAll(() => {
    image = imageOfCheckout();
    secret = makeSecret('openssl genpkey');
  });

  describe('of standalone', () => {
    const resources = canRun ? kustomize('standalone') : [];
    let network: Network;
    let running: Container;
    const container = () => podOf(one(resources, 'Deployment')).containers[0];
    const startIt = (args?: readonly string[]) =>
      runPodContainer(
        podOf(one(resources, 'Deployment')),
        { ...container(), ...(args && { args }) },
        { network, resources, secrets: { countersign: secret.files }, imageOf: () => image },
      );
    beforeAll(async () => {
      network = await createNetwork();
    });

    it('has a configuration and a Secret that `countersign check` finds good', async () => {
      const checked = await startIt(['check']).ended;
      expect(checked).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('/etc/countersign/countersign.yaml is good: 0 failed'),
      });
    });

    it.each([
      ['nobody lets it read its files', { group: undefined, mode: 0o440 }, 'EACCES'],
      ['everybody may read its key', { group: 65532, mode: 0o444 }, 'others can use this key file'],
    ])('does not start when %s, and says so', async (_case, { group, mode }, message) => {
      const pod = structuredClone(podOf(one(resources, 'Deployment')));
      pod.securityContext.fsGroup = group;
      pod.volumes[0].projected.defaultMode = mode;
      const deps = { network, resources, secrets: { countersign: secret.files } };
      const ended = await runPodContainer(pod, container(), { ...deps, imageOf: () => image })
        .ended;
      expect(ended).toMatchObject({ code: 78, stderr: expect.stringContaining(message) });
    });

    it('answers its probes, and listens on the ports that it names and no others', async () => {
      running = startIt();
      await untilReady(container(), running, network);
      const ports = container().ports.map(({ containerPort }: Port) => `0.0.0.0:${containerPort}`);
      expect(listening(network)).toEqual(ports.sort());
    });

    it('gives every gateway that it names a token, if it says the secret', async () => {
      const gateways = Object.keys(configuration(resources)['gateways']);
      expect(gateways.length).toBeGreaterThan(3);
      const key = `apikey: ${secret.shown[0]}`;
      const says = `X-Countersign-Secret: ${secret.files['gateway-secret']?.trim()}`;
      for (const gateway of gateways) {
        const answer = ask(network, gateway, key, says);
        expect([gateway, answer?.status]).toEqual([gateway, 200]);
        expect(await claimsOf(network, answer?.head)).toMatchObject({
          iss: 'https://countersign.example.com',
          aud: 'https://orders.internal',
          client_id: 'reports',
        });
        expect(ask(network, gateway, key)?.status).toBe(403);
        expect(ask(network, gateway, 'apikey: wrong', says)?.status).toBe(401);
      }
    });

    it('is unready as soon as it is told to stop, and ends within its time', async () => {
      const since = Date.now();
      running.signal('SIGTERM');
      await until(() => probe(container(), 'readiness', network) === 503, running);
      expect(probe(container(), 'liveness', network)).toBe(200);
      expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
      const { terminationGracePeriodSeconds } = podOf(one(resources, 'Deployment'));
      expect(Date.now() - since).toBeLessThan(terminationGracePeriodSeconds * 1000);
    });
  });

  describe('of the sidecar', () => {
    const resources = canRun ? kustomize('sidecar') : [];
    const pod = () => podOf(one(resources, 'Deployment'));
    let network: Network;
    let gateway: Container;
    let sidecar: Container;
    const startIt = (container: { readonly image: string }) =>
      runPodContainer(pod(), container, {
        ...{ network, resources, secrets: { countersign: secret.files } },
        imageOf: (name) => (name.startsWith('nginx:') ? machine : image),
        hosts: ['orders.shop.svc.cluster.local'],
      });
    beforeAll(async () => {
      network = await createNetwork();
      startBackend(network);
    });

    it('starts, is ready, and is asked on loopback only', async () => {
      const [container] = pod().initContainers;
      sidecar = startIt(container);
      await untilReady(container, sidecar, network);
      expect(listening(network)).toEqual(
        expect.arrayContaining(['0.0.0.0:8081', '0.0.0.0:9090', '127.0.0.1:8080']),
      );
      expect(container.ports.map(({ containerPort }: Port) => containerPort)).toEqual([8081, 9090]);
    });

    it('lets the gateway pass what has a good key, with a token that a backend verifies', async () => {
      const [container] = pod().containers;
      gateway = startIt(container);
      await until(() => probe(container, 'readiness', network) === 200, gateway);
      const url = 'http://127.0.0.1:8000/orders';
      const host = ['-H', 'Host: api.example.com'];
      const answer = network.ask(url, ...host, '-H', `apikey: ${secret.shown[0]}`);
      expect(answer?.status).toBe(200);
      expect(await claimsOf(network, answer?.body)).toMatchObject({ client_id: 'reports' });
      const refused = network.ask(url, ...host, '-H', 'X-Custom-Jwt: forged');
      expect([refused?.status, refused?.body]).toEqual([401, expect.stringContaining('"status"')]);
    });

    it('ends after the gateway', async () => {
      // nginx ends gracefully at its own image's signal, which is this one.
      gateway.signal('SIGQUIT');
      expect((await gateway.ended).code).toBe(0);
      expect(probe(pod().initContainers[0], 'readiness', network)).toBe(200);
      sidecar.signal('SIGTERM');
      expect(await sidecar.ended).toMatchObject({ code: 0, stderr: '' });
    });
  });
});

interface Port {
  readonly containerPort: number;
}

function configuration(resources: readonly Resource[]) {
  const configMap = resources.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('countersign-'),
  );
  return parse(configMap?.data?.['countersign.yaml'] ?? '');
}

/** Answers with the headers that it got, a line for each. */
function startBackend({ pid }: Network): void {
  const program = `require('node:http').createServer((request, response) => {
    const { rawHeaders: raw } = request;
    response.end(raw.flatMap((name, n) => (n % 2 ? [] : [name + ': ' + raw[n + 1]])).join('\\r\\n'));
  }).listen(3000, '127.0.0.1');`;
  start('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', program]);
}
