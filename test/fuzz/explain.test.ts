import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type LoadedConfiguration, loadConfiguration } from '../../src/config/load.ts';
import { gatewayProfiles } from '../../src/config/schema/gateways.ts';
import type { Decision } from '../../src/exchange/types.ts';
import { askOverGrpc } from '../../src/explain/ask.ts';
import { explain } from '../../src/explain/explain.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { createMask, masked } from '../../src/explain/mask.ts';
import { presentCheck } from '../../src/gateways/grpc/present-check.ts';
import { type ClientRequest, presentRequest } from '../../src/gateways/present.ts';
import { issueCertificate, name } from '../support/certificates.ts';
import { clientRequest } from '../support/client-request.ts';
import { basic, endAll, freshDirectory, writeFiles } from '../support/process.ts';
import { claimsOf, startService, type TestService, unsignedJwt } from '../support/service.ts';

const directory = freshDirectory();
const file = join(directory, 'countersign.yaml');
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const secret = 'a-secret-of-the-gateway';
writeFiles(directory, {
  secret,
  'keys.yaml': `- { owner: shop, sha256: ${sha256('shop-key')}, claims: { plan: gold } }\n`,
});
afterAll(endAll);

const { der } = issueCertificate({ subject: name({ O: 'Acme', CN: 'c' }) });
const exp = Math.floor(Date.now() / 1000) + 3600;
const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);

const configuration = fc
  .record({
    credentials: fc.subarray(
      [
        '{ bearer: { trust: gateway, client_id: [clientId, azp] } }',
        '{ basic: { trust: gateway } }',
        '{ client_certificate: { trust: gateway } }',
        '{ api_key: { verify: { keys_file: keys.yaml } } }',
      ],
      { minLength: 2 },
    ),
    certificate: oneOf('true', 'false', '{ header: X-Cert, format: base64-der }'),
    audience: oneOf('backend', 'upstream', '{ cel: request.host }'),
    hosts: oneOf('any', 'any', '[api.example.com, "*.example.com:8443"]'),
    paths: oneOf('', 'paths: [/orders/**]', 'paths: ["/*/1"], methods: [GET, POST]'),
    last: oneOf(
      '',
      'default_route: {}',
      'default_route: {}',
      'default_route: { require: "client_id == \'web\'" }',
    ),
    errors: oneOf('problem', 'x-custom-jwt'),
    more: oneOf('', 'callers: { secret_file: secret, networks: [127.0.0.0/8] }'),
    verbose: fc.boolean(),
  })
  .map(
    (made) => `issuer: https://countersign.example.com
gateways:
  edge: { profile: nginx, client_certificate: true }
${gatewayProfiles
  .map((each) => {
    const certificate = each === 'envoy_grpc' ? made.certificate !== 'false' : made.certificate;
    return `  ${each}: { client_certificate: ${certificate} }`;
  })
  .join('\n')}
listen: { grpc: 127.0.0.1:9001 }
keys: { algorithm: ES256 }
credentials: [${made.credentials.join(', ')}]
token:
  audience: ${made.audience}
  upstream_hosts: ${made.hosts}
  claims: { tenant: 'request.headers["x-tenant"]', path: request.path, route: route.name }
  headers: { X-Client-Id: client_id }
errors: { format: ${made.errors}, verbose: ${made.verbose} }
routes:
  - { match: { hosts: [api.example.com], ${made.paths} }, token: { expires_in: 1m } }
  - { match: { hosts: ["*.example.com"] }, require: 'request.method != "DELETE"' }
  - { match: { paths: [/public/**] }, anonymous: { client_id: nobody } }
${made.last}
${made.more}
`,
  );

const printable = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  maxLength: 20,
});
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: oneOf(
      ['Authorization', `Bearer ${unsignedJwt({ azp: 'web', exp, plan: 'gold' })}`],
      ['Authorization', `Bearer ${unsignedJwt({ clientId: 'old', exp: 1 })}`],
      ['Authorization', basic('alice', 'some-password')],
      ['apikey', 'shop-key'],
      ['X-Tenant', 'acme'],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      oneOf(
        ...['authorization', 'ApiKey', 'X_Tenant', 'X-Custom-Jwt', 'X.Custom.Jwt', 'Connection'],
        ...[
          'X-Original-URL',
          'x-forwarded-host',
          'X_Forwarded_Uri',
          'Client-Cert',
          'X-Consumer-Id',
        ],
        ...['X-Countersign-Secret', 'X-Countersign-Credential', 'Content-Length', 'Expect'],
      ),
      fc.oneof(printable, oneOf('Digest x', 'authorization', 'forged', '5')),
    ),
  },
);
const request = fc
  .record({
    method: oneOf('GET', 'GET', 'POST', 'DELETE', 'PROPFIND'),
    scheme: oneOf('http' as const, 'https' as const),
    host: fc.oneof(
      { weight: 5, arbitrary: oneOf('api.example.com', 'API.example.com.', 'a.example.com:8443') },
      { weight: 1, arbitrary: oneOf('x.test', 'api.example.com?', '[::1]:80', '', 'a b') },
    ),
    target: fc.oneof(
      { weight: 5, arbitrary: oneOf('/', '/orders/1?x=1', '/public/x', '/users/1') },
      {
        weight: 1,
        arbitrary: fc
          .string({ unit: oneOf('/', '.', '?', '%', '2', 'f', ';', '\\', '#', 'é'), maxLength: 9 })
          .map((text) => `/${text}`),
      },
    ),
    lines: fc.array(line, { minLength: 1, maxLength: 2 }),
    certificate: oneOf([], [], [], [der]),
    consumer: oneOf(
      ['X-Consumer-ID', 'c-1'],
      ['X-Consumer-ID', 'c-1'],
      [],
      ['X-Anonymous-Consumer', 'true'],
    ),
    upstreamUrl: oneOf(undefined, 'http://orders.internal:80/x'),
    verified: fc.oneof(
      { weight: 8, arbitrary: oneOf(undefined) },
      { weight: 1, arbitrary: oneOf('bearer', 'api_key') },
    ),
  })
  .map(({ lines, ...rest }) => clientRequest({ ...rest, headers: lines.flat() }));

type Gateway = (typeof gatewayProfiles)[number];

/** How the served listener answers the call of a gateway. */
async function served({ service, loaded }: Serving, gateway: Gateway, asked: ClientRequest) {
  const before = service.decisions.length;
  const answer =
    gateway === 'envoy_grpc'
      ? await overGrpc(service, asked)
      : await overHttp({ service, loaded }, gateway, asked);
  return { ...answer, decision: service.decisions[before] };
}

interface Serving {
  readonly service: TestService;
  readonly loaded: LoadedConfiguration;
}

async function overHttp(
  { service, loaded }: Serving,
  gateway: Exclude<Gateway, 'envoy_grpc'>,
  asked: ClientRequest,
) {
  const { client_certificate: certificate } = loaded.configuration.gateways[gateway] ?? {};
  const as = {
    profile: gateway,
    certificate: certificate === true ? {} : certificate || undefined,
  };
  const { method, rest, headers: lines } = presentRequest(asked, as);
  const answer = await service.ask(`/auth/${gateway}${rest}`, lines, method);
  const { status, rawHeaders, body } = answer;
  const hops = ['connection', 'keep-alive', 'date'];
  const isShown = (at: number) => !hops.includes((rawHeaders[at - (at % 2)] ?? '').toLowerCase());
  return { status, body, headers: rawHeaders.filter((_, at) => isShown(at)) };
}

function overGrpc({ check }: TestService, asked: ClientRequest) {
  if (check === undefined) throw new Error('gRPC is not served');
  const peer = { remoteAddress: '127.0.0.1' };
  return askOverGrpc(check, { ...presentCheck(asked), peer });
}

/** What an explanation and a service have in common, but for what is new each time. */
function outcomeOf(decision: Decision | undefined) {
  if (decision === undefined || !decision.allowed) {
    const { reason, detail = null } = decision ?? {};
    return decision ? { reason, detail, claims: null } : null;
  }
  return { route: decision.route, claims: withoutFresh(claimsOf(decision.token.jwt)) };
}

function withoutFresh(claims: object | null) {
  const { iat: _, exp: __, jti: ___, ...rest } = (claims ?? {}) as Record<string, unknown>;
  return claims && rest;
}

/** The same of an explanation. */
function outcomeTold({ decision, claims }: Explanation) {
  if (decision === null) return null;
  if (decision.allowed) return { route: decision.route, claims: withoutFresh(claims.after) };
  return { reason: decision.reason, detail: decision.detail, claims: claims.after };
}

const reasons = new Map<string, number>();

async function expectAgreement(serving: Serving, gateway: Gateway, asked: ClientRequest) {
  const { loaded } = serving;
  const { configuration } = loaded;
  const told = await explain({ loaded, gateway, request: asked, now: Date.now });
  const proven = { ...asked, secret: configuration.callers?.secrets[0] };
  const { status, headers, body, decision } = await served(serving, gateway, proven);

  const mask = createMask(configuration, proven);
  const hide = (value: string) =>
    mask(decision?.allowed ? value.replaceAll(decision.token.jwt, masked) : value);
  expect(told.answer.status).toBe(status);
  expect(told.answer.headers.flat()).toEqual(headers.map(hide));
  expect(told.answer.body).toBe(mask(body));
  expect(outcomeTold(told)).toEqual(mask(outcomeOf(decision) as never));
  const reason = decision?.allowed === false ? decision.reason : String(decision?.allowed);
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

it('an explanation is what the served listener answers, whatever is asked and configured', async () => {
  const asked = fc.array(fc.tuple(oneOf(...gatewayProfiles), request), {
    minLength: 10,
    maxLength: 10,
  });
  await fc.assert(
    fc.asyncProperty(configuration, asked, async (text, requests) => {
      const loaded = loadConfiguration({ text, file, env: {} });
      const service = await startService(text, { file });
      try {
        for (const [gateway, each] of requests)
          await expectAgreement({ service, loaded }, gateway, each);
      } finally {
        await service.close();
      }
    }),
    // Shrinking would assemble services for minutes; a request is small as it is.
    { numRuns: 25, endOnFailure: true },
  );
  // Else the property would hold for services that refuse everything.
  expect(reasons.get('true')).toBeGreaterThan(15);
  expect(reasons.size).toBeGreaterThan(8);
});
