import { KeyError } from '../key-error.ts';
import { readKeyFile } from '../key-file.ts';
import type { Pkcs11Settings } from './settings.ts';

/** The token refused the PIN. After a few of these it locks itself, so none is tried twice. */
export class PinRefused extends KeyError {}

export interface Pin {
  /** @throws KeyError; PinRefused when this PIN was refused before, and is still the one given */
  read(): Promise<string | undefined>;
  refuse(pin: string | undefined, reason: string): PinRefused;
}

export function createPin({ pin, pinFile }: Pick<Pkcs11Settings, 'pin' | 'pinFile'>): Pin {
  let refused: { readonly pin: string | undefined; readonly failure: PinRefused } | undefined;
  return {
    async read() {
      const current = pinFile === undefined ? pin : await readPin(pinFile);
      if (refused && refused.pin === current) throw refused.failure;
      return current;
    },
    refuse(tried, reason) {
      const failure = new PinRefused(`The token refuses the PIN (${reason})`);
      refused = { pin: tried, failure };
      return failure;
    },
  };
}

async function readPin(file: string): Promise<string> {
  const pin = (await readKeyFile(file)).contents.toString('utf8').replace(/\r?\n$/, '');
  if (pin === '') throw new KeyError(`${file}: is empty`);
  return pin;
}
