import { KeyError } from '../key-error.ts';
import { readKeyFile } from '../key-file.ts';
import type { VaultTransitSettings } from './settings.ts';

/** What authenticates this service to Vault. */
export interface VaultToken {
  /** Undefined when an agent adds it. */
  current(): string | undefined;
  /**
   * Reads the file again: whoever renews the token replaces it there.
   *
   * @returns whether it is another token now; one that cannot be read changes nothing
   */
  refresh(): Promise<boolean>;
}

/** @throws KeyError when the file cannot be used, or holds no token */
export async function openVaultToken({
  token,
  tokenFile,
}: Pick<VaultTransitSettings, 'token' | 'tokenFile'>): Promise<VaultToken> {
  if (tokenFile === undefined) return { current: () => token, refresh: async () => false };
  let current = await readToken(tokenFile);
  return {
    current: () => current,
    async refresh() {
      const read = await readToken(tokenFile).catch(() => current);
      const isNew = read !== current;
      current = read;
      return isNew;
    },
  };
}

async function readToken(file: string): Promise<string> {
  const token = (await readKeyFile(file)).contents.toString('utf8').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new KeyError(`${file}: holds no token`);
  return token;
}
