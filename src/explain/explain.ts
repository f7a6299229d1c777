import { assemble, type Service } from '../assemble/assemble.ts';
import { readOnlyKeys } from '../assemble/try.ts';
import type { LoadedConfiguration } from '../config/load.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { Decision } from '../exchange/types.ts';
import { type ClientRequest, presentRequest } from '../gateways/present.ts';
import { createMemoryRevocations } from '../state/memory-revocations.ts';
import { askOverGrpc, askOverHttp, type GatewayAnswer } from './ask.ts';
import type { Explanation, Line } from './explanation.ts';
import { createMask, masked } from './mask.ts';
import { type ExchangeRecord, watchExchange } from './record.ts';
import { describeSteps } from './steps.ts';

export interface ExplainDeps {
  readonly loaded: LoadedConfiguration;
  /** The name of one that is configured. */
  readonly gateway: string;
  readonly request: Omit<ClientRequest, 'secret'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Has the service that a configuration makes decide about one request, and watches it. Identity
 * providers and keys elsewhere are asked as serving would; nothing is changed, and nobody gets the
 * token.
 *
 * @throws ConfigurationError when serving would refuse to start
 */
export async function explain(deps: ExplainDeps): Promise<Explanation> {
  const { configuration } = deps.loaded;
  const record: ExchangeRecord = {};
  const notes: string[] = [];
  let decision: Decision | undefined;
  const service = await assemble(calledByGateway(deps.loaded), {
    now: deps.now,
    log: {
      info() {},
      warn: (fields, message) => notes.push(`warning: ${message} ${JSON.stringify(fields)}`),
    },
    onDecision: (_gateway, made) => {
      decision = made;
    },
    onError: () => notes.push('warning: a mistake of ours; the log of a server would say where'),
    openKeys: readOnlyKeys(({ level, text }) => notes.push(`${level}: ${text}`)),
    // Another process may have its state open; what was revoked is for `/introspect` to tell.
    openRevocations: async (_settings, rules) => createMemoryRevocations(rules),
    watch: watchExchange(record),
  });
  const request = { ...deps.request, secret: configuration.callers?.secrets[0] };
  try {
    await service.start();
    const { call, answer } = await ask({ service, configuration, gateway: deps.gateway, request });
    const mask = createMask(configuration, request);
    return mask({
      gateway: { name: deps.gateway, profile: profileOf(configuration, deps.gateway) },
      call,
      ...describeSteps(record, configuration.default_route !== undefined),
      decision: describeDecision(decision),
      answer: describeAnswer(answer, decision),
      notes: [...assumptions(configuration, deps), ...notes],
    });
  } finally {
    await service.close();
  }
}

/** Whoever explains is no gateway: what proves one on its connection is taken as proven. */
function calledByGateway(loaded: LoadedConfiguration): LoadedConfiguration {
  const { configuration } = loaded;
  const { callers } = configuration;
  if (callers === undefined) return loaded;
  const proven = { ...callers, networks: undefined, certificates: undefined };
  return { ...loaded, configuration: { ...configuration, callers: proven } };
}

/** What this call and a real one need not have in common. */
function assumptions(
  { callers, gateways }: Configuration,
  { gateway, request }: ExplainDeps,
): string[] {
  const assumed = ['networks', 'certificates'].filter((rule) => Object.hasOwn(callers ?? {}, rule));
  const isOff = request.certificate.length > 0 && !gateways[gateway]?.client_certificate;
  return [
    ...assumed.map((rule) => `note: callers.${rule} is not checked: the gateway is believed`),
    ...(isOff ? [`note: client_certificate is off for ${gateway}: no certificate is read`] : []),
  ];
}

function profileOf({ gateways }: Configuration, gateway: string) {
  const settings = gateways[gateway];
  if (settings === undefined) throw new RangeError(`there is no gateway ${gateway}`);
  return settings.profile;
}

interface Question {
  readonly service: Service;
  readonly configuration: Configuration;
  readonly gateway: string;
  readonly request: ClientRequest;
}

async function ask({ service, configuration, gateway, request }: Question): Promise<{
  readonly call: Explanation['call'];
  readonly answer: GatewayAnswer;
}> {
  const profile = profileOf(configuration, gateway);
  if (profile === 'envoy_grpc') {
    if (service.check === undefined) throw new Error('nothing answers gRPC');
    const { presentCheck } = await import('../gateways/grpc/present-check.ts');
    const { method, scheme, host, target } = request;
    const headers: Line[] = Object.entries({ method, scheme, host, path: target });
    return {
      call: { method: 'Check', path: 'envoy.service.auth.v3.Authorization', headers },
      answer: await askOverGrpc(service.check, presentCheck(request)),
    };
  }
  const { client_certificate: certificate } = configuration.gateways[gateway] ?? {};
  const as = { profile, certificate: certificate === true ? {} : certificate || undefined };
  const { method, rest, headers } = presentRequest(request, as);
  const path = `/auth/${gateway}${rest}`;
  const own = presentRequest({ ...request, headers: [] }, as).headers;
  return {
    call: { method, path, headers: pairs(own) },
    answer: await askOverHttp(service.auth, { method, path, headers }),
  };
}

function pairs(lines: readonly string[]): Line[] {
  return lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] ?? ''] as const] : []));
}

function describeDecision(decision: Decision | undefined): Explanation['decision'] {
  if (decision === undefined) return null;
  if (!decision.allowed) {
    const { reason, detail = null } = decision;
    return { allowed: false, reason, detail };
  }
  const { clientId, credential, route } = decision;
  return { allowed: true, client_id: clientId, credential, route };
}

/** The token is told decoded: whoever has it as it is could use it. */
function describeAnswer(
  { status, headers, body }: GatewayAnswer,
  decision: Decision | undefined,
): Explanation['answer'] {
  const hide = (value: string) =>
    decision?.allowed ? value.replaceAll(decision.token.jwt, masked) : value;
  return { status, headers: pairs(headers).map(([name, value]) => [name, hide(value)]), body };
}
