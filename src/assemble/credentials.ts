import type { Path } from '../config/problems.ts';
import type { Bearer } from '../config/schema/bearer.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { CredentialEntry } from '../config/schema/credentials.ts';
import { createApiKeyMethod } from '../exchange/credentials/api-key/api-key.ts';
import { parseKeysFile } from '../exchange/credentials/api-key/api-keys-file.ts';
import { createBasicMethod } from '../exchange/credentials/basic/basic.ts';
import { parseHtpasswd } from '../exchange/credentials/basic/htpasswd.ts';
import type { PasswordChecks } from '../exchange/credentials/basic/password-check.ts';
import { type BearerRules, createBearerMethod } from '../exchange/credentials/bearer/bearer.ts';
import type { JwtIssuer } from '../exchange/credentials/bearer/bearer-jwt.ts';
import type { ClientIdRule } from '../exchange/credentials/bearer/client-id.ts';
import { createClientCertificateMethod } from '../exchange/credentials/client-certificate/client-certificate.ts';
import type { CredentialMethod } from '../exchange/credentials/credential-method.ts';
import { compileExpression, joinInputs, type RequestInputs } from '../exchange/expressions.ts';
import type { IssuerKeys } from '../exchange/types.ts';
import { createFileKeys } from '../issuers/file-keys.ts';
import { type CountedIntrospector, createIntrospector } from '../issuers/introspection-client.ts';
import type { RefreshedIssuerKeys } from '../issuers/issuer-keys.ts';
import type { Log } from '../issuers/log.ts';
import type { Outgoing } from '../issuers/outgoing.ts';
import type { CredentialFiles } from './credential-files.ts';
import type { Findings } from './findings.ts';
import type { Lasting } from './lasting.ts';

export interface Credentials {
  readonly methods: readonly CredentialMethod[];
  /** What expressions of the credentials read of a request. */
  readonly inputs: RequestInputs;
  /** Header names, lower case, that carry credentials. */
  readonly headers: readonly string[];
  /** Issuers whose keys are fetched in the background. */
  readonly issuers: readonly RefreshedIssuerKeys[];
  readonly introspectors: readonly CountedIntrospector[];
}

export interface CredentialDeps {
  readonly now: () => number;
  readonly log: Log;
  readonly outgoing?: Outgoing | undefined;
  readonly passwordChecks: PasswordChecks;
  readonly openIssuerKeys: Lasting['openIssuerKeys'];
  readonly files: CredentialFiles;
  /** Told when what was verified before may no longer hold. */
  readonly onChange: () => void;
}

type JwtVerification = Extract<NonNullable<Bearer['verify']>, { issuer: string; types: unknown }>;

/** Makes each configured kind once, in the configured order; what is wrong becomes a finding. */
export function createCredentials(
  { credentials }: Configuration,
  deps: CredentialDeps,
  findings: Findings,
): Credentials {
  const bearers = new BearerEntries(deps, findings);
  for (const [index, { bearer }] of credentials.entries()) {
    if (bearer) bearers.add(bearer, ['credentials', index, 'bearer']);
  }
  const first = credentials.findIndex(({ bearer }) => bearer);
  const methods = credentials.flatMap((entry, index) => {
    if (entry.bearer) return index === first ? [bearers.method()] : [];
    return otherMethod(entry, index, deps) ?? [];
  });
  const readsAuthorization = credentials.some(({ bearer, basic }) => bearer ?? basic);
  return {
    methods,
    inputs: joinInputs(bearers.inputs),
    headers: [
      ...(readsAuthorization ? ['authorization'] : []),
      ...credentials.flatMap(({ api_key }) => api_key?.header ?? []),
    ],
    issuers: bearers.refreshed,
    introspectors: bearers.introspectors,
  };
}

function otherMethod(
  { basic, client_certificate: certificate, api_key: apiKey }: CredentialEntry,
  index: number,
  { now, passwordChecks: checks, files, onChange }: CredentialDeps,
): CredentialMethod | undefined {
  const at = (...keys: string[]) => ['credentials', index, ...keys];
  const follow = (path: Path, file: string, make: (text: string) => CredentialMethod) =>
    currentMethod(files.follow(path, file, make, onChange));
  if (basic) {
    if (!basic.verify) return createBasicMethod({ trusted: true });
    return follow(at('basic', 'verify', 'htpasswd_file'), basic.verify.htpasswd_file, (text) =>
      createBasicMethod({ htpasswd: parseHtpasswd(text), checks }),
    );
  }
  if (certificate) {
    if (!certificate.verify) return createClientCertificateMethod({ trusted: true, now });
    const path = at('client_certificate', 'verify', 'ca_file');
    return follow(path, certificate.verify.ca_file, (ca) =>
      createClientCertificateMethod({ ca, now }),
    );
  }
  if (apiKey) {
    const { header, verify } = apiKey;
    if (!verify) return createApiKeyMethod({ header, trusted: true });
    return follow(at('api_key', 'verify', 'keys_file'), verify.keys_file, (text) =>
      createApiKeyMethod({ header, keys: parseKeysFile(text), now }),
    );
  }
  return undefined;
}

/** @returns one method that is always what its file says now */
function currentMethod(
  current: (() => CredentialMethod) | undefined,
): CredentialMethod | undefined {
  if (current === undefined) return undefined;
  const { kind, trusted } = current();
  return {
    kind,
    trusted,
    find: (request) => current().find(request),
    identify: (text, request) => current().identify(text, request),
  };
}

/** Several bearer entries are one kind of credential: `iss` picks among them. */
class BearerEntries {
  readonly inputs: RequestInputs[] = [];
  readonly refreshed: RefreshedIssuerKeys[] = [];
  readonly introspectors: CountedIntrospector[] = [];
  readonly #issuers: (JwtIssuer & BearerRules)[] = [];
  readonly #deps: CredentialDeps;
  readonly #findings: Findings;
  #introspection: (BearerRules & { introspector: CountedIntrospector }) | undefined;
  #trusted: BearerRules | undefined;

  constructor(deps: CredentialDeps, findings: Findings) {
    this.#deps = deps;
    this.#findings = findings;
  }

  add(bearer: Bearer, path: Path): void {
    const { verify } = bearer;
    const clientId = this.#clientId(bearer.client_id, [...path, 'client_id']);
    const rules = (timing: { exp: string; clock_skew: number }): BearerRules => ({
      clientId,
      expOptional: timing.exp === 'optional',
      clockSkew: timing.clock_skew,
    });
    if (verify === undefined) this.#trusted = rules(bearer);
    else if ('introspection' in verify) this.#addIntrospection(verify, rules(verify));
    else this.#addIssuer(verify, rules(verify), [...path, 'verify']);
  }

  method(): CredentialMethod {
    const { now } = this.#deps;
    return this.#trusted
      ? createBearerMethod({ now, trusted: { ...this.#trusted, types: usualTypes } })
      : createBearerMethod({ now, issuers: this.#issuers, introspection: this.#introspection });
  }

  #addIntrospection(
    verify: Extract<NonNullable<Bearer['verify']>, { introspection: unknown }>,
    rules: BearerRules,
  ): void {
    const { introspection, issuer, audiences } = verify;
    const introspector = createIntrospector({
      endpoint: introspection.endpoint,
      clientId: introspection.client_id,
      clientSecret: introspection.client_secret ?? '',
      ...(issuer !== undefined && { issuer }),
      ...(Array.isArray(audiences) && { audiences }),
      now: this.#deps.now,
      log: this.#deps.log,
      outgoing: this.#deps.outgoing,
    });
    this.introspectors.push(introspector);
    this.#introspection = { ...rules, introspector };
  }

  #addIssuer(verify: JwtVerification, rules: BearerRules, path: Path): void {
    const keys = this.#keysOf(verify, [...path, 'jwks_file']);
    if (keys === undefined) return;
    const { issuer, audiences, algorithms, types } = verify;
    this.#issuers.push({
      ...rules,
      issuer,
      keys,
      audiences: Array.isArray(audiences) ? new Set(audiences) : 'any',
      algorithms: new Set(algorithms),
      types: readTypes(types),
    });
  }

  #keysOf(
    { issuer, jwks_file, jwks_uri, jwks_origins, algorithms }: JwtVerification,
    path: Path,
  ): IssuerKeys | undefined {
    const { now, log, files, openIssuerKeys, onChange, outgoing } = this.#deps;
    if (jwks_file !== undefined) {
      const make = (text: string) => createFileKeys({ text, algorithms, log });
      const current = files.follow(path, jwks_file, make, onChange);
      return current && { find: (header) => current().find(header) };
    }
    const keys = openIssuerKeys({
      issuer,
      ...(jwks_uri !== undefined && { jwksUri: jwks_uri }),
      jwksOrigins: jwks_origins,
      algorithms,
      now,
      log,
      onChange,
      outgoing,
    });
    this.refreshed.push(keys);
    return keys;
  }

  #clientId(clientId: Bearer['client_id'], path: Path): ClientIdRule {
    if (typeof clientId === 'string') return { kind: 'claims', paths: [clientId] };
    if (Array.isArray(clientId)) return { kind: 'claims', paths: clientId };
    const { cel } = clientId as { cel: string };
    const expression = this.#findings.attempt(path, () => compileExpression(cel));
    if (expression === undefined) return { kind: 'claims', paths: [] };
    this.inputs.push(expression.inputs);
    return { kind: 'expression', expression };
  }
}

const usualTypes = readTypes(['none', 'JWT', 'at+jwt']);

/** `none` stands for an absent `typ`; RFC 7515 §4.1.9 lets `application/` be left out. */
function readTypes(types: readonly string[]): ReadonlySet<string | undefined> {
  return new Set(
    types.map((type) =>
      type === 'none' ? undefined : type.toLowerCase().replace(/^application\//, ''),
    ),
  );
}
