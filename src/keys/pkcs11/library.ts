import type { PKCS11 } from 'pkcs11js';
import { KeyError } from '../key-error.ts';

export type Pkcs11Js = typeof import('pkcs11js');

/** A vendor's library, loaded and initialised. PKCS#11 has one state of it in a process. */
export interface Library {
  readonly calls: PKCS11;
  /** The numbers of the standard. */
  readonly numbers: Pkcs11Js;
  /** Rises when the library starts anew: handles from before may mean something else then. */
  generation(): number;
  /** Counts work that goes on in another thread, and forbids a restart during it. */
  during<T>(work: Promise<T>): Promise<T>;
  /**
   * Some libraries know only the tokens and connections that they had at their start.
   *
   * @returns false when it is in use, and went on as it was
   */
  restart(): boolean;
}

const libraries = new Map<string, Library>();

/** @throws KeyError when pkcs11js is not there, or the library cannot be loaded */
export async function loadLibrary(path: string): Promise<Library> {
  const loaded = libraries.get(path);
  if (loaded) return loaded;
  const numbers = await importPkcs11Js();
  const library = openLibrary(path, numbers);
  libraries.set(path, library);
  return library;
}

/** It is compiled when it is installed, and only who configures it needs that. */
async function importPkcs11Js(): Promise<Pkcs11Js> {
  try {
    return (await import('pkcs11js')).default;
  } catch {
    throw new KeyError(
      'keys.pkcs11 needs the package pkcs11js, which is not here or not compiled: with make, g++ ' +
        'and python3 there, run `npm rebuild --ignore-scripts=false pkcs11js`',
    );
  }
}

function openLibrary(path: string, numbers: Pkcs11Js): Library {
  const calls = new numbers.PKCS11();
  let generation = 0;
  let working = 0;
  try {
    calls.load(path);
    initialize(calls, numbers);
  } catch (error) {
    throw new KeyError(`${path}: cannot be loaded (${(error as Error).message})`);
  }
  return {
    calls,
    numbers,
    generation: () => generation,
    async during(work) {
      working++;
      try {
        return await work;
      } finally {
        working--;
      }
    },
    restart() {
      if (working > 0) return false;
      generation++;
      try {
        calls.C_Finalize();
      } catch {
        // It was not initialised any more.
      }
      initialize(calls, numbers);
      return true;
    },
  };
}

/** With locks, because signing goes on in other threads. */
function initialize(calls: PKCS11, numbers: Pkcs11Js): void {
  try {
    calls.C_Initialize({ flags: numbers.CKF_OS_LOCKING_OK });
  } catch (error) {
    if ((error as Error).message !== 'CKR_CRYPTOKI_ALREADY_INITIALIZED') throw error;
  }
}
