import type { Template } from 'pkcs11js';
import { KeyError } from '../key-error.ts';
import type { Library } from './library.ts';
import { type Pin, PinRefused } from './pin.ts';
import type { Pkcs11Settings } from './settings.ts';

/** A session on the token, logged in. */
export interface TokenSession {
  readonly handle: Buffer;
  /** Whether its handles still mean what they meant. */
  isCurrent(): boolean;
  /** @returns handles of objects, at most as many as a token of one service has */
  find(template: Template): readonly Buffer[];
  /** @returns undefined when the object has no such attribute */
  attribute(object: Buffer, type: number): Buffer | undefined;
  close(): void;
}

export interface TokenDeps {
  readonly library: Library;
  readonly settings: Pick<Pkcs11Settings, 'tokenLabel'>;
  readonly pin: Pin;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Opening blocks this thread, for as long as a network HSM that is away makes it wait. */
const pauseMs = 1_000;
const mostObjects = 64;

/**
 * @returns a function that opens a session. When it fails, the library is started anew and it is
 *   tried once more; after that it fails without a try for a second. It throws KeyError or what
 *   pkcs11js throws.
 */
export function createSessionOpener(deps: TokenDeps): () => Promise<TokenSession> {
  const { library, pin, now } = deps;
  let failed: { readonly at: number; readonly error: unknown } | undefined;

  async function tryTwice(): Promise<TokenSession> {
    const given = await pin.read();
    try {
      return openSession(deps, given);
    } catch (error) {
      if (error instanceof PinRefused || !library.restart()) throw error;
      return openSession(deps, given);
    }
  }

  return async () => {
    if (failed && Math.abs(now() - failed.at) < pauseMs) throw failed.error;
    try {
      const session = await tryTwice();
      failed = undefined;
      return session;
    } catch (error) {
      failed = { at: now(), error };
      throw error;
    }
  };
}

function openSession(deps: TokenDeps, pin: string | undefined): TokenSession {
  const { library } = deps;
  const { calls, numbers } = library;
  const generation = library.generation();
  const handle = calls.C_OpenSession(findSlot(deps), numbers.CKF_SERIAL_SESSION);
  const isCurrent = () => generation === library.generation();
  const session: TokenSession = {
    handle,
    isCurrent,
    find(template) {
      calls.C_FindObjectsInit(handle, template);
      try {
        return calls.C_FindObjects(handle, mostObjects);
      } finally {
        calls.C_FindObjectsFinal(handle);
      }
    },
    attribute: (object, type) => readAttribute(library, handle, object, type),
    close() {
      if (!isCurrent()) return;
      try {
        calls.C_CloseSession(handle);
      } catch {
        // It is gone already.
      }
    },
  };
  try {
    login(deps, handle, pin);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

function findSlot({ library, settings }: TokenDeps): Buffer {
  const { calls } = library;
  const slot = calls
    .C_GetSlotList(true)
    .find((each) => calls.C_GetTokenInfo(each).label.trimEnd() === settings.tokenLabel);
  if (slot === undefined) throw new KeyError(`There is no token "${settings.tokenLabel}"`);
  return slot;
}

/** All sessions of a process share the login. */
function login({ library, pin }: TokenDeps, handle: Buffer, given: string | undefined): void {
  if (given === undefined) return;
  try {
    library.calls.C_Login(handle, library.numbers.CKU_USER, given);
  } catch (error) {
    const { message } = error as Error;
    if (message === 'CKR_USER_ALREADY_LOGGED_IN') return;
    throw message.startsWith('CKR_PIN_') ? pin.refuse(given, message) : error;
  }
}

function readAttribute(
  { calls }: Library,
  session: Buffer,
  object: Buffer,
  type: number,
): Buffer | undefined {
  try {
    const [attribute] = calls.C_GetAttributeValue(session, object, [{ type }]);
    const value = attribute?.value;
    return Buffer.isBuffer(value) && value.length > 0 ? value : undefined;
  } catch (error) {
    const { message } = error as Error;
    if (message === 'CKR_ATTRIBUTE_TYPE_INVALID' || message === 'CKR_ATTRIBUTE_SENSITIVE') {
      return undefined;
    }
    throw error;
  }
}
