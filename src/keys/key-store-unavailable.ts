import { StateError } from '../state/state-error.ts';
import { KeyError } from './key-error.ts';

/** Keys cannot be read or kept now; that passes without anybody changing anything. */
export class KeyStoreUnavailable extends KeyError {}

/** @throws KeyStoreUnavailable in place of a StateError */
export async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof StateError ? new KeyStoreUnavailable(error.message) : error;
  }
}
