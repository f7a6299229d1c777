import { createPrivateKey, type KeyObject } from 'node:crypto';
import forge from 'node-forge';
import { KeyError } from './key-error.ts';

/**
 * Takes the private key out of a PKCS#12 file (RFC 7292), legacy (RC2, 3DES) or modern (PBES2/AES).
 *
 * @param password empty for a file without one
 * @throws KeyError when the password is wrong, or there is not exactly one key
 */
export function readPkcs12(contents: Uint8Array, password: string): KeyObject {
  const keys = openPkcs12(contents, password)
    .safeContents.flatMap(({ safeBags }) => safeBags)
    .filter(isKeyBag);
  const [bag, ...others] = keys;
  if (bag === undefined) throw new KeyError('The PKCS#12 file holds no private key');
  if (others.length > 0) throw new KeyError('The PKCS#12 file holds more than one private key');
  return importKeyBag(bag);
}

function openPkcs12(contents: Uint8Array, password: string): forge.pkcs12.Pkcs12Pfx {
  const asn1 = readDer(contents);
  try {
    return forge.pkcs12.pkcs12FromAsn1(asn1, false, password);
  } catch {
    // The library tells a wrong password and a damaged file apart only sometimes.
    throw new KeyError(
      'The PKCS#12 file cannot be opened: wrong password, or damaged (a modern file needs a password in ASCII)',
    );
  }
}

function readDer(contents: Uint8Array): forge.asn1.Asn1 {
  try {
    return forge.asn1.fromDer(Buffer.from(contents).toString('binary'));
  } catch {
    throw new KeyError('The file is not PKCS#12, JWK or PEM');
  }
}

function isKeyBag({ type }: forge.pkcs12.Bag): boolean {
  return type === forge.pki.oids['keyBag'] || type === forge.pki.oids['pkcs8ShroudedKeyBag'];
}

/** The library itself knows only RSA; of other keys it leaves the decrypted PKCS#8 in `asn1`. */
function importKeyBag({ key, asn1 }: forge.pkcs12.Bag): KeyObject {
  const pkcs8 = key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key)) : asn1;
  const der = Buffer.from(forge.asn1.toDer(pkcs8).getBytes(), 'binary');
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new KeyError('The private key of the PKCS#12 file cannot be read');
  }
}
