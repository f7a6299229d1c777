import { SignerUnavailable } from '../../exchange/signer-unavailable.ts';
import type { Signer } from '../../exchange/types.ts';
import type { Timers } from '../../issuers/timers.ts';
import { publishedJwks } from '../external/public-key.ts';
import { checkSigner } from '../external/self-check.ts';
import { KeyError } from '../key-error.ts';
import type { KeyRing } from '../key-ring.ts';
import { findPrivateKey, type KeyObjects, readKeyObjects } from './key-objects.ts';
import { type Library, loadLibrary } from './library.ts';
import { mechanismFor } from './mechanisms.ts';
import { createPin } from './pin.ts';
import { createSessionPool } from './session-pool.ts';
import type { Pkcs11Settings } from './settings.ts';
import { createSessionOpener, type TokenSession } from './token.ts';

export interface Pkcs11KeyRingDeps {
  /** Milliseconds. */
  readonly now: () => number;
  readonly timers: Timers;
}

/**
 * Opens a key pair of a PKCS#11 token, which signs. All public keys with its label are published;
 * they are read once.
 *
 * @throws KeyError when the library, the token or the key cannot be used
 */
export async function openPkcs11KeyRing(
  settings: Pkcs11Settings,
  { now, timers }: Pkcs11KeyRingDeps,
): Promise<KeyRing> {
  const library = await loadLibrary(settings.module);
  const open = createSessionOpener({ library, settings, pin: createPin(settings), now });
  const objects = await readObjects(open, library, settings);
  const pool = createSessionPool({
    open: async () => openSigningSession(await open(), library, settings, objects),
    timers,
  });
  const { kid, alg } = objects.signing;
  const signer: Signer = {
    ...{ kid, alg },
    sign: (input) => pool.use((session) => session.sign(input)).catch(refuse),
  };
  await checkSigner(signer, objects.signing);
  const publicKeys = publishedJwks(objects.published);
  return {
    ...{ signer, publicKeys },
    verificationKey: (name) => objects.published.find((key) => key.kid === name),
    close: () => pool.close(),
  };
}

async function readObjects(
  open: () => Promise<TokenSession>,
  library: Library,
  settings: Pkcs11Settings,
): Promise<KeyObjects> {
  try {
    const session = await open();
    try {
      return readKeyObjects(session, library, settings);
    } finally {
      session.close();
    }
  } catch (error) {
    throw new KeyError(`${settings.module}: ${(error as Error).message}`);
  }
}

/** The longest signature is that of an RSA key of 8192 bits. */
const mostSignatureBytes = 1024;

interface SigningSession {
  sign(input: string): Promise<string>;
  close(): void;
}

function openSigningSession(
  session: TokenSession,
  library: Library,
  settings: Pkcs11Settings,
  { id, signing }: KeyObjects,
): SigningSession {
  const { calls, numbers } = library;
  const { mechanism, prepare } = mechanismFor(signing.alg, numbers);
  let key: Buffer;
  try {
    key = findPrivateKey(session, numbers, settings, id);
  } catch (error) {
    session.close();
    throw error;
  }
  return {
    async sign(input) {
      if (!session.isCurrent()) throw new KeyError('The session is of an earlier start');
      const [prepared, output] = [prepare(input), Buffer.alloc(mostSignatureBytes)];
      calls.C_SignInit(session.handle, mechanism, key);
      const signature = await library.during(calls.C_SignAsync(session.handle, prepared, output));
      // The other thread reads it through a bare pointer: this use keeps it until that is done.
      prepared.fill(0);
      return signature.toString('base64url');
    },
    close: () => session.close(),
  };
}

/** Codes of PKCS#11 and our own words; none of them holds a PIN. */
function refuse(error: unknown): never {
  if (error instanceof SignerUnavailable || error instanceof TypeError) throw error;
  throw new SignerUnavailable(`PKCS#11: ${(error as Error).message}`);
}
