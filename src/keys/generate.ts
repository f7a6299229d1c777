import { createSecretKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { acceptPrivateKey, type PrivateKey } from './private-key.ts';
import { hashLength, type SigningAlgorithm } from './signer.ts';

const generatePair = promisify(generateKeyPair);

/** Makes a new key for an algorithm, off the main thread: an RSA pair takes a tenth of a second. */
export async function generatePrivateKey(alg: SigningAlgorithm): Promise<PrivateKey> {
  const key = await generateKey(alg);
  return acceptPrivateKey({ key, alg, configured: undefined, kid: undefined });
}

async function generateKey(alg: SigningAlgorithm): Promise<KeyObject> {
  switch (alg) {
    case 'HS256':
    case 'HS512':
      return createSecretKey(randomBytes(hashLength(alg)));
    case 'Ed25519':
      return (await generatePair('ed25519')).privateKey;
    case 'ES256':
      return (await generatePair('ec', { namedCurve: 'P-256' })).privateKey;
    case 'ES384':
      return (await generatePair('ec', { namedCurve: 'P-384' })).privateKey;
    case 'ES512':
      return (await generatePair('ec', { namedCurve: 'P-521' })).privateKey;
    default:
      return (await generatePair('rsa', { modulusLength: 2048 })).privateKey;
  }
}
