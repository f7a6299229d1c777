import type { LoadedConfiguration } from '../config/load.ts';
import { ConfigurationError, type Path, problemAt } from '../config/problems.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import { writeAddress } from '../config/schema/listen.ts';

/** What a setting is, as text to compare, by its path as text. */
type Fixed = ReadonlyMap<string, { readonly path: Path; readonly value: string | undefined }>;

/** A configuration that is good, but not for a process that serves already. */
export class RestartNeeded extends ConfigurationError {}

/**
 * Checks what a process cannot change while it serves: where it listens, and where keys and state
 * are. Half of a configuration never takes over: rules for callers that fit the new address could
 * leave the old one open to all.
 *
 * @throws RestartNeeded with what differs of that
 */
export function refuseRestartOnly(running: Configuration, next: LoadedConfiguration): void {
  const [before, after] = [listFixed(running), listFixed(next.configuration)];
  const changed = [...new Map([...before, ...after])].filter(
    ([name]) => before.get(name)?.value !== after.get(name)?.value,
  );
  if (changed.length === 0) return;
  throw new RestartNeeded(changed.map(([, { path }]) => problemAt(next, path, message)));
}

const message = 'is not what the process was started with: restart it, or put this back';

function listFixed({ listen, keys, state, log, audit, traces, workers }: Configuration): Fixed {
  const { keep_rules: _, ...stores } = state;
  return new Map([
    ...entriesOf(['listen'], {
      auth: describeListener(listen.auth),
      grpc: describeListener(listen.grpc),
      public: describeListener(listen.public),
      ops: describeListener(listen.ops),
    }),
    ...entriesOf(['keys'], placeOfKeys(keys)),
    ...entriesOf(['state'], stores),
    ...entriesOf(['log'], { format: log.format }),
    ...entriesOf([], { audit, traces, workers }),
  ]);
}

function entriesOf(path: Path, settings: object) {
  return Object.entries(settings).map(([key, value]) => {
    const full = [...path, key];
    return [full.join('.'), { path: full, value: JSON.stringify(value) }] as const;
  });
}

/** The certificates of a listener are renewed, but not whether it has any, or asks for them. */
function describeListener(listener: Configuration['listen']['grpc']): readonly string[] {
  if (listener === undefined) return [];
  const { tls } = listener;
  const asks = tls?.client_ca_file === undefined ? [] : ['asks callers'];
  return [writeAddress(listener), ...(tls ? ['tls'] : []), ...asks];
}

/** A key of the operator's own is read anew; all others stay where they are. */
function placeOfKeys(keys: Configuration['keys']): object {
  const { jwks_paths: _, private_jwk, private_jwk_file, algorithm, rotate, ...places } = keys;
  const isOwn = private_jwk !== undefined || private_jwk_file !== undefined;
  const isOutside = places.pkcs11 !== undefined || places.vault_transit !== undefined;
  return {
    ...places,
    private_jwk: isOwn,
    algorithm: isOutside && algorithm,
    rotate: { publish_ahead: rotate?.publish_ahead },
  };
}
