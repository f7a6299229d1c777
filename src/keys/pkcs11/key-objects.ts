import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { acceptPublicKey, type ExternalPublicKey } from '../external/public-key.ts';
import { KeyError } from '../key-error.ts';
import type { Library } from './library.ts';
import type { Pkcs11Settings } from './settings.ts';
import type { TokenSession } from './token.ts';

/** What the token has under the label. */
export interface KeyObjects {
  /** `CKA_ID` of the pair that signs; empty when it has none. */
  readonly id: Buffer;
  readonly signing: ExternalPublicKey;
  /** The public keys, the one that signs first. */
  readonly published: readonly ExternalPublicKey[];
}

/** @throws KeyError when it is not clear which key signs, or it cannot */
export function readKeyObjects(
  session: TokenSession,
  { numbers }: Library,
  settings: Pkcs11Settings,
): KeyObjects {
  const read = (object: Buffer, type: number) => session.attribute(object, type);
  const idOf = (object: Buffer) => read(object, numbers.CKA_ID) ?? Buffer.alloc(0);
  const find = (type: number) =>
    session.find([
      { type: numbers.CKA_CLASS, value: type },
      { type: numbers.CKA_LABEL, value: settings.keyLabel },
    ]);
  const id = chooseKey(find(numbers.CKO_PRIVATE_KEY).map(idOf), settings);
  checkUse(session, findPrivateKey(session, numbers, settings, id), numbers);
  const all = find(numbers.CKO_PUBLIC_KEY).map((object) => ({
    id: idOf(object),
    ...acceptPublicKey(
      readPublicKey((type) => read(object, type), numbers),
      settings.algorithm,
    ),
  }));
  const [signing] = all.filter((key) => key.id.equals(id));
  if (signing === undefined) {
    throw new KeyError(
      `The token has no public key labelled "${settings.keyLabel}" with the CKA_ID of the private key`,
    );
  }
  const others = all.filter(({ kid }) => kid !== signing.kid);
  return { id, signing, published: [signing, ...others] };
}

/** @throws KeyError when it is not there, or not the only one */
export function findPrivateKey(
  session: TokenSession,
  numbers: Library['numbers'],
  { keyLabel }: Pick<Pkcs11Settings, 'keyLabel'>,
  id: Buffer,
): Buffer {
  const [object, ...others] = session.find([
    { type: numbers.CKA_CLASS, value: numbers.CKO_PRIVATE_KEY },
    { type: numbers.CKA_LABEL, value: keyLabel },
    ...(id.length > 0 ? [{ type: numbers.CKA_ID, value: id }] : []),
  ]);
  if (object === undefined) throw new KeyError(`There is no private key "${keyLabel}"`);
  if (others.length > 0) throw new KeyError(`Two private keys "${keyLabel}" have one CKA_ID`);
  return object;
}

function chooseKey(ids: readonly Buffer[], { keyLabel, keyId }: Pkcs11Settings): Buffer {
  const shown = ids.map((id) => id.toString('hex')).join(', ');
  if (keyId !== undefined) {
    const named = ids.find((id) => id.toString('hex') === keyId);
    if (named) return named;
    const found = ids.length === 0 ? 'none' : shown;
    throw new KeyError(`No private key "${keyLabel}" has the CKA_ID ${keyId}; found: ${found}`);
  }
  const [id, ...others] = ids;
  if (id === undefined) throw new KeyError(`The token has no private key labelled "${keyLabel}"`);
  if (others.length === 0) return id;
  throw new KeyError(
    `The token has several private keys "${keyLabel}"; say in key_id which one signs: ${shown}`,
  );
}

function checkUse(session: TokenSession, key: Buffer, numbers: Library['numbers']): void {
  if (session.attribute(key, numbers.CKA_SIGN)?.[0] === 0) {
    throw new KeyError('The private key is not for signing (CKA_SIGN)');
  }
  if (session.attribute(key, numbers.CKA_ALWAYS_AUTHENTICATE)?.[0] === 1) {
    throw new KeyError(
      'The private key wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE)',
    );
  }
}

/** `CKA_EC_PARAMS` of the curves, DER object identifiers. */
const curves = new Map([
  ['06082a8648ce3d030107', 'P-256'],
  ['06052b81040022', 'P-384'],
  ['06052b81040023', 'P-521'],
]);

function readPublicKey(
  read: (type: number) => Buffer | undefined,
  numbers: Library['numbers'],
): KeyObject {
  const [n, e] = [read(numbers.CKA_MODULUS), read(numbers.CKA_PUBLIC_EXPONENT)];
  if (n && e) return fromJwk({ kty: 'RSA', n: withoutZeros(n), e: withoutZeros(e) });
  const crv = curves.get(read(numbers.CKA_EC_PARAMS)?.toString('hex') ?? '');
  const point = read(numbers.CKA_EC_POINT);
  if (crv === undefined || point === undefined) {
    throw new KeyError('A public key of the token is neither RSA nor of P-256, P-384 or P-521');
  }
  const size = Math.ceil(Number(crv.slice(2)) / 8);
  // 04, x and y, as a rule inside an OCTET STRING: from the end both look the same.
  const [x, y] = [point.subarray(-2 * size, -size), point.subarray(-size)];
  return fromJwk({ kty: 'EC', crv, x: x.toString('base64url'), y: y.toString('base64url') });
}

function withoutZeros(number: Buffer): string {
  const start = number.findIndex((byte) => byte !== 0);
  return number.subarray(Math.max(start, 0)).toString('base64url');
}

function fromJwk(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new KeyError('A public key of the token cannot be read');
  }
}
