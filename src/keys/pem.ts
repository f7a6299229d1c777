import { createPrivateKey, type KeyObject } from 'node:crypto';
import { KeyError } from './key-error.ts';

const privateBlock =
  /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----\r?\n[A-Za-z0-9+/=\s]+-----END \1-----/g;

/**
 * @param text PEM (RFC 7468) with one private key: PKCS#8, PKCS#1 or SEC1; other blocks beside it,
 *   such as certificates and EC parameters, do not matter
 * @throws KeyError when it is encrypted, not private, or not one key
 */
export function readPemKey(text: string): KeyObject {
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: *4,ENCRYPTED/.test(text)) {
    throw new KeyError('The PEM key is encrypted; decrypt it first (openssl pkey)');
  }
  if (text.includes('BEGIN OPENSSH PRIVATE KEY')) {
    throw new KeyError('The key is in OpenSSH format; convert it (ssh-keygen -p -m PKCS8)');
  }
  const [block, ...others] = text.match(privateBlock) ?? [];
  if (block === undefined) {
    throw new KeyError(
      text.includes('PRIVATE KEY') ? 'The PEM is damaged' : 'The PEM holds no private key',
    );
  }
  if (others.length > 0) throw new KeyError('The PEM holds more than one private key');
  try {
    return createPrivateKey(block);
  } catch {
    throw new KeyError('The PEM does not hold a private key that can be read');
  }
}
