import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse, stringify } from 'yaml';
import type { Seen } from '../support/backend.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { startIngressNginx } from '../support/ingress-nginx.ts';
import { startIstio } from '../support/istio.ts';
import { k8s, kustomize, one, tools } from '../support/manifests.ts';
import { basic, freshDirectory, isMissing, type Started, writeFiles } from '../support/process.ts';
import { programs } from '../support/programs.ts';
import { send } from '../support/service.ts';
import { startTraefik } from '../support/traefik.ts';

jest.setTimeout(120_000);

const secret = randomBytes(24).toString('base64url');
const alice = ['Authorization', basic('alice', 'secret')];

interface Example {
  readonly gateway: string;
  readonly profile?: string;
  readonly needs: boolean;
  /** Puts the example in the place of the recipe in `home`. @param said in the place of `<gateway-secret>` */
  readonly prepare: (home: string, said: string, countersign: number) => void;
  readonly start: (
    home: string,
    ports: Parameters<Parameters<typeof startGatewayLab>[0]['startGateway']>[1],
  ) => Started;
}

const examples: readonly Example[] = [
  {
    gateway: 'ingress-nginx',
    needs: !isMissing('nginx'),
    prepare(home, said) {
      const all = kustomize('examples/ingress-nginx');
      const parts = [one(all, 'Ingress'), one(all, 'ConfigMap')];
      const text = parts.map((each) => stringify(each)).join('---\n');
      writeFileSync(join(home, 'countersign/ingress.yaml'), filledIn(text, said));
    },
    start: startIngressNginx({ controller: 'with the controller part' }),
  },
  {
    gateway: 'traefik',
    needs: !isMissing('traefik'),
    prepare(home, said, countersign) {
      const file = join(home, 'countersign/dynamic.yaml');
      const dynamic = parse(readFileSync(file, 'utf8'));
      dynamic.http.middlewares = middlewares(said, countersign);
      writeFileSync(file, stringify(dynamic));
    },
    start: startTraefik,
  },
  {
    gateway: 'istio',
    profile: 'envoy',
    needs: existsSync(programs.envoy),
    prepare(home, said) {
      const file = join(home, 'countersign/meshconfig.yaml');
      const recipe = parse(readFileSync(file, 'utf8'));
      const example = readFileSync(join(k8s, 'examples/istio/meshconfig.yaml'), 'utf8');
      const [provider] = parse(filledIn(example, said)).extensionProviders;
      recipe.extensionProviders[0] = provider;
      writeFileSync(file, stringify(recipe));
    },
    start: startIstio,
  },
];

function filledIn(text: string, said: string): string {
  const filled = text.replaceAll('<gateway-secret>', said);
  if (filled === text && said !== '<gateway-secret>') throw new Error('it has no place for it');
  return filled;
}

/** Traefik's resources have in `spec` what its files have, but for the names in a chain. */
function middlewares(said: string, countersign: number): Record<string, unknown> {
  const all = kustomize('examples/traefik').filter(({ kind }) => kind === 'Middleware');
  const entries = all.map(({ metadata, spec }): [string, unknown] => [
    metadata.name,
    spec.chain
      ? {
          chain: { middlewares: spec.chain.middlewares.map((each: { name: string }) => each.name) },
        }
      : spec,
  ]);
  const text = filledIn(JSON.stringify(Object.fromEntries(entries)), said);
  return JSON.parse(
    text.replace('countersign.countersign.svc.cluster.local:8080', `127.0.0.1:${countersign}`),
  );
}

describe.each(examples)('the example for $gateway', (example) => {
  const { gateway, profile = gateway, needs, prepare, start } = example;
  const startLab = async (said: string) => {
    const directory = freshDirectory();
    writeFiles(directory, { 'gateway-secret': `${secret}\n` });
    return startGatewayLab({
      gateway,
      profile,
      settings: `
gateways: { ${profile}: {} }
callers: { secret_file: ${join(directory, 'gateway-secret')} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
drain: 0s
`,
      startGateway(home, ports) {
        prepare(home, said, ports.countersign);
        return start(home, ports);
      },
    });
  };
  const ask = (lab: GatewayLab, ...headers: readonly string[]) =>
    send({ port: lab.httpPort, path: '/orders', headers: ['Host', 'api.example.com', ...headers] });

  (needs && tools.kustomize ? describe : describe.skip)('with the secret', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab(secret);
    });
    afterAll(() => lab.close());

    it('gets tokens, and keeps the secret from the backend', async () => {
      const answer = await ask(lab, ...alice);
      expect(answer.status).toBe(200);
      const seen: Seen = JSON.parse(answer.body);
      expect(seen.claims).toMatchObject({ client_id: 'alice' });
      expect(JSON.stringify(seen)).not.toContain(secret);
      expect(JSON.stringify(answer.rawHeaders)).not.toContain(secret);
    });

    it('keeps it from a client that is refused, and ignores what a client says', async () => {
      const refused = await ask(lab);
      expect(refused.status).toBe(401);
      expect(JSON.stringify(refused)).not.toContain(secret);
      expect((await ask(lab, ...alice, 'X-Countersign-Secret', 'a-guess-of-a-client')).status).toBe(
        200,
      );
    });
  });

  (needs && tools.kustomize ? it : it.skip)('lets nobody pass before it is filled in', async () => {
    const lab = await startLab('<gateway-secret>');
    try {
      const answers = [
        await ask(lab, ...alice),
        await ask(lab, ...alice, 'X-Countersign-Secret', secret),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 403]);
      expect(lab.backend.seen).toEqual([]);
    } finally {
      await lab.close();
    }
  });
});
