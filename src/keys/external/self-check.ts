import { compactVerify } from 'jose';
import type { Signer } from '../../exchange/types.ts';
import { KeyError } from '../key-error.ts';
import type { VerificationKey } from '../key-ring.ts';

/**
 * Has a key outside this process sign a probe, which no verifier could take for a token, and
 * verifies it with the public half that is going to be published.
 *
 * @throws KeyError when it does not sign, or with something else than that key's other half
 */
export async function checkSigner(signer: Signer, { alg, key }: VerificationKey): Promise<void> {
  const header = Buffer.from(JSON.stringify({ alg, typ: 'probe' })).toString('base64url');
  const input = `${header}.${Buffer.from('probe').toString('base64url')}`;
  let signature: string;
  try {
    signature = await signer.sign(input);
  } catch (error) {
    throw new KeyError(`The key ${signer.kid} does not sign: ${(error as Error).message}`);
  }
  try {
    await compactVerify(`${input}.${signature}`, key, { algorithms: [alg] });
  } catch {
    throw new KeyError(`What the key ${signer.kid} signs does not verify with its public key`);
  }
}
