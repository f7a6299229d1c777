import { createHash } from 'node:crypto';
import { SignerOverloaded, SignerUnavailable } from '../../exchange/signer-unavailable.ts';
import type { Signer } from '../../exchange/types.ts';
import type { SigningAlgorithm } from '../signer.ts';
import type { VaultClient } from './client.ts';
import type { KeyVersion } from './key-versions.ts';
import type { VaultTransitSettings } from './settings.ts';

const maxInFlight = 64;

export interface TransitSignerDeps {
  readonly client: VaultClient;
  readonly settings: Pick<VaultTransitSettings, 'mount' | 'key'>;
  /** Called when Vault answers, but does not sign: the versions may have changed. */
  readonly onRefusal: () => void;
}

/** @returns signers for the versions of one key, which share a bound on what is in flight */
export function createTransitSigners({ client, settings, onRefusal }: TransitSignerDeps) {
  let inFlight = 0;

  async function sign(version: KeyVersion, input: string): Promise<string> {
    if (inFlight >= maxInFlight) throw new SignerOverloaded();
    inFlight++;
    try {
      const answer = await client.ask(signCall(settings, version, input));
      if (!answer.ok) {
        if (answer.status !== undefined) onRefusal();
        throw new SignerUnavailable(`Vault: ${answer.reason}`);
      }
      return readSignature(answer.data['signature'], version);
    } finally {
      inFlight--;
    }
  }

  return (version: KeyVersion): Signer => ({
    kid: version.kid,
    alg: version.alg,
    sign: (input) => sign(version, input),
  });
}

/** `POST /v1/<mount>/sign/<key>/<hash>`. Only Ed25519 hashes the message itself (RFC 8032 §5.1). */
function signCall(
  { mount, key }: Pick<VaultTransitSettings, 'mount' | 'key'>,
  { alg, version }: KeyVersion,
  input: string,
) {
  const path = `${mount}/sign/${key}`;
  const common = { key_version: version, marshaling_algorithm: 'jws' };
  if (alg === 'Ed25519') {
    return { path, body: { ...common, input: Buffer.from(input).toString('base64') } };
  }
  const bits = alg.slice(2);
  const digest = createHash(`sha${bits}`).update(input).digest('base64');
  const body = { ...common, input: digest, prehashed: true, ...rsaParameters(alg) };
  return { path: `${path}/sha2-${bits}`, body };
}

function rsaParameters(alg: SigningAlgorithm): object {
  if (alg.startsWith('RS')) return { signature_algorithm: 'pkcs1v15' };
  // RFC 7518 §3.5: the salt is as long as the hash; Vault's own choice is the longest that fits.
  return alg.startsWith('PS') ? { signature_algorithm: 'pss', salt_length: 'hash' } : {};
}

/** @returns the signature of `vault:v<version>:<base64url>`, which must be of that version */
function readSignature(signature: unknown, { version }: KeyVersion): string {
  const [, signed, encoded] =
    /^vault:v(\d+):([A-Za-z0-9_-]{1,2048})={0,2}$/.exec(String(signature)) ?? [];
  if (encoded === undefined || Number(signed) !== version) {
    throw new SignerUnavailable('Vault: not a signature of the version that was asked for');
  }
  return encoded;
}
