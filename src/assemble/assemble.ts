import type { RequestListener } from 'node:http';
import type { LoadedConfiguration } from '../config/load.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { Address } from '../config/schema/listen.ts';
import { createFileWatcher } from '../config/watch-files.ts';
import type { CredentialMethod } from '../exchange/credentials/credential-method.ts';
import { createExchange, type ExchangeDeps } from '../exchange/exchange.ts';
import { createCredentialFinder } from '../exchange/find-credential.ts';
import { createReuseCache } from '../exchange/reuse.ts';
import type { Route } from '../exchange/route.ts';
import {
  createAuthListener,
  type DecisionListener,
  type DecisionRecorder,
} from '../gateways/auth-listener.ts';
import { type CallerCheck, createCallerCheck } from '../gateways/callers.ts';
import type { Check, CheckDeps } from '../gateways/grpc/check.ts';
import type { Log } from '../issuers/log.ts';
import type { Outgoing } from '../issuers/outgoing.ts';
import { KeyError } from '../keys/key-error.ts';
import type { KeySettings, Keys } from '../keys/open-keys.ts';
import type { MetricSources } from '../ops/metrics.ts';
import { createPublicApp } from '../public/app.ts';
import type { StateSettings } from '../state/open-revocations.ts';
import type { Revocations } from '../state/revocations.ts';
import type { RuleTableSettings } from '../state/rule-table.ts';
import { StateError } from '../state/state-error.ts';
import { createOwnTokenVerifier } from '../tokens/verify.ts';
import { createClients } from './clients.ts';
import { createCredentialFiles } from './credential-files.ts';
import { createCredentials } from './credentials.ts';
import { createFindings, type Findings } from './findings.ts';
import { createGateways } from './gateways.ts';
import { keySettings } from './keys.ts';
import { createLasting, type Lasting } from './lasting.ts';
import { logPublicEvent } from './public-log.ts';
import { createRevocationGate, forgetRevoked, ruleLife, ruleSettings } from './revocations.ts';
import { compileRoutes, type Routes } from './routes.ts';
import { describeService, type ServiceStatus } from './service-status.ts';
import { sharedRevocations } from './shared-state.ts';
import { tryTraceFiles } from './traces.ts';
import { createHostFilter } from './upstream-hosts.ts';

export interface ServiceDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  readonly onDecision: DecisionListener;
  /** Keeps a record of every decision, where one is wanted. */
  readonly record?: DecisionRecorder | undefined;
  /** Told of mistakes of ours that a request met. */
  readonly onError: (error: unknown) => void;
  /** @throws KeyError */
  readonly openKeys: (settings: KeySettings, onDropped: () => void) => Promise<Keys>;
  /** @throws StateError */
  readonly openRevocations: (
    settings: StateSettings,
    rules: RuleTableSettings,
  ) => Promise<Revocations>;
  /** Lays itself around what issuers are asked. */
  readonly outgoing?: Outgoing | undefined;
  /** What an earlier configuration hands over; nothing when absent. */
  readonly lasting?: Lasting;
  /** May lay itself around the steps of the exchange, once, to watch what they answer. */
  readonly watch?: (steps: ExchangeDeps, parts: ExchangeParts) => ExchangeDeps;
}

/** What the steps of an exchange choose among. */
export interface ExchangeParts {
  readonly methods: readonly CredentialMethod[];
  /** The default route last, if there is one. */
  readonly routes: readonly Route[];
}

/** Everything that a configuration describes, made once and ready to listen. */
export interface Service {
  readonly auth: RequestListener;
  /** Answers gRPC ext_authz, where a gateway asks that way. */
  readonly check: Check | undefined;
  readonly public: RequestListener;
  readonly keys: Keys;
  /** What can be measured of it. */
  readonly sources: Omit<MetricSources, 'certificates' | 'audit' | 'spans' | 'configuration'>;
  status(): ServiceStatus;
  /** Fetches the keys of issuers for the first time; a fetch that fails is tried again later. */
  warm(): Promise<void>;
  /**
   * Begins at once to change keys and to watch files that say who may call; and does what `warm`
   * does, unless it is done.
   */
  start(): Promise<void>;
  /** Another one answers from now on: only what is in flight ends here. */
  retire(): void;
  close(): Promise<void>;
}

/**
 * Builds the service; listens nowhere. What it opened is closed again when something is wrong.
 *
 * @throws ConfigurationError with everything that is wrong beyond the shape of the file
 */
export async function assemble(loaded: LoadedConfiguration, deps: ServiceDeps): Promise<Service> {
  const opened: Closable[] = [];
  try {
    return await build(loaded, deps, opened);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

interface Closable {
  close(): void | Promise<void>;
}

async function closeAll(opened: readonly Closable[]): Promise<void> {
  for (const each of opened) await each.close();
}

async function build(
  loaded: LoadedConfiguration,
  deps: ServiceDeps,
  opened: Closable[],
): Promise<Service> {
  const { configuration } = loaded;
  const { now, log, lasting = createLasting(deps.now) } = deps;
  const { passwordChecks, seenAssertions, counts, publicCounts } = lasting;
  const findings = createFindings(loaded);
  const { reuse: bounds } = configuration.token;
  const reuse = createReuseCache({
    maxEntries: bounds === 'off' ? 1 : bounds.max_entries,
    maxBytes: bounds === 'off' ? 1 : bounds.max_bytes,
  });
  const watcher = createFileWatcher();
  const openIssuerKeys: Lasting['openIssuerKeys'] = (settings) => {
    const issuerKeys = lasting.openIssuerKeys(settings);
    opened.push(issuerKeys);
    return issuerKeys;
  };
  const files = createCredentialFiles({ watcher, log, findings });
  const credentials = createCredentials(
    configuration,
    {
      ...{ now, log, passwordChecks, openIssuerKeys, files, onChange: reuse.clear },
      outgoing: deps.outgoing,
    },
    findings,
  );
  const clients = createClients(configuration, { log, findings, files });
  const routes = compileRoutes(configuration, credentials.inputs, findings);
  tryTraceFiles(configuration, findings);
  const keys = await openKeys(loaded, deps, { findings, onDropped: reuse.clear });
  if (keys !== undefined) opened.push(keys);
  findings.throwAny();
  if (routes === undefined || keys === undefined) throw new Error('a finding was lost');
  const revocations = await openRevocations(loaded, deps, routes, findings);
  opened.push(revocations);
  revocations.onChange(forgetRevoked(reuse));

  const { issuer } = configuration;
  const { ring: keyRing, jwksMaxAge } = keys;
  const steps: ExchangeDeps = {
    findCredential: createCredentialFinder(credentials.methods),
    router: routes.router,
    reuse,
    signer: () => keyRing.signer,
    revocations: createRevocationGate({ revocations, issuer, now }),
    counts,
    issuer,
    isUpstreamHost: createHostFilter(configuration),
    now,
  };
  const parts = { methods: credentials.methods, routes: routes.all };
  const exchange = createExchange(deps.watch?.(steps, parts) ?? steps);
  const warm = async () => {
    await Promise.all(credentials.issuers.map((each) => each.start()));
  };
  const { auth, grpc } = configuration.listen;
  const gateways = createGateways(configuration, credentials, routes.all);
  const { record, onDecision, onError } = deps;
  const listener = { exchange, record, onDecision, onError };
  return {
    auth: createAuthListener({
      ...listener,
      gateways: gateways.http,
      isCaller: callerCheck(loaded, auth),
    }),
    check:
      gateways.grpc &&
      (await createGrpcCheck(configuration, {
        ...listener,
        gateway: gateways.grpc,
        isCaller: callerCheck(loaded, grpc ?? auth),
      })),
    public: createPublicApp({
      issuer,
      keyRing,
      jwksMaxAge,
      clients,
      verify: createOwnTokenVerifier({ issuer, keyRing, now }),
      revocations,
      ruleLife: ruleLife(configuration, routes.all),
      now,
      verifyPassword: passwordChecks.check,
      seenAssertions,
      jwksPaths: configuration.keys.jwks_paths,
      log: (event) => logPublicEvent(deps, event),
      counts: publicCounts,
    }) as RequestListener,
    keys,
    sources: {
      issuers: credentials.issuers,
      introspectors: credentials.introspectors,
      now,
      keys: keys.status,
      tokens: () => ({ ...counts, kept: reuse.size() }),
      revocations: revocations.status,
      publicCounts,
      files: files.states,
    },
    status: () => describeService({ keys, revocations, issuers: credentials.issuers }),
    warm,
    start() {
      keys.start();
      revocations.judgeBy(ruleSettings(configuration, routes.all));
      watcher.start();
      return warm();
    },
    retire() {
      watcher.close();
      reuse.clear();
    },
    async close() {
      watcher.close();
      await closeAll(opened);
    },
  };
}

async function openKeys(
  { configuration }: LoadedConfiguration,
  deps: ServiceDeps,
  { findings, onDropped }: { readonly findings: Findings; readonly onDropped: () => void },
): Promise<Keys | undefined> {
  try {
    const settings = await keySettings(configuration);
    // Opening may make a key: not for a configuration that is going to be refused.
    if ('policy' in settings) findings.throwAny();
    return await deps.openKeys(settings, onDropped);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    findings.add(['keys'], error.message);
    return undefined;
  }
}

async function openRevocations(
  { configuration }: LoadedConfiguration,
  deps: ServiceDeps,
  routes: Routes,
  findings: Findings,
): Promise<Revocations> {
  const { clients, state } = configuration;
  const needed = clients.some(({ may }) => may.some((each) => each !== 'introspect'));
  try {
    const shared = await sharedRevocations(configuration);
    const settings = { directory: state.directory, needed, shared };
    return await deps.openRevocations(settings, ruleSettings(configuration, routes.all));
  } catch (error) {
    if (!(error instanceof StateError || error instanceof KeyError)) throw error;
    findings.add(['state', state.redis ? 'redis' : 'directory'], error.message);
    findings.throwAny();
    throw error;
  }
}

function callerCheck({ configuration }: LoadedConfiguration, at: Address): CallerCheck {
  const { callers } = configuration;
  const rules = callers && {
    networks: callers.networks,
    secrets: callers.secret_file === undefined ? undefined : callers.secrets,
    certificates: callers.certificates,
  };
  return createCallerCheck(rules, at.path === undefined ? 'tcp' : 'unix');
}

/** Loaded when asked for: most services speak no gRPC. */
async function createGrpcCheck(
  { token }: Configuration,
  deps: Omit<CheckDeps, 'writer'>,
): Promise<Check> {
  const { createCheck } = await import('../gateways/grpc/check.ts');
  const { createCheckResponseWriter } = await import('../gateways/grpc/check-response.ts');
  const writer = createCheckResponseWriter({
    strip: token.strip,
    downstreamHeader: token.downstream_header,
    writeRefusal: deps.gateway.writeRefusal,
  });
  return createCheck({ ...deps, writer });
}
