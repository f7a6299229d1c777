import {
  constants,
  createECDH,
  createHash,
  type KeyObject,
  privateEncrypt,
  randomBytes,
} from 'node:crypto';

/** Signatures of a digest that is given, as HSMs and Vault make them; Node's own hash the message. */

/** RFC 8017 §9.2, note 1. */
const digestInfo: Readonly<Record<string, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};

/** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2). */
export function signPkcs1(key: KeyObject, hash: string, digest: Buffer): Buffer {
  const prefix = Buffer.from(digestInfo[hash] ?? '', 'hex');
  return privateEncrypt(
    { key, padding: constants.RSA_PKCS1_PADDING },
    Buffer.concat([prefix, digest]),
  );
}

/** RSASSA-PSS (RFC 8017 §8.1, §9.1.1); without a length the salt is the longest that fits. */
export function signPss(key: KeyObject, hash: string, digest: Buffer, saltLength?: number): Buffer {
  const length = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const salt = randomBytes(saltLength ?? length - digest.length - 2);
  const h = createHash(hash)
    .update(Buffer.concat([Buffer.alloc(8), digest, salt]))
    .digest();
  const block = Buffer.alloc(length - digest.length - 1);
  block[block.length - salt.length - 1] = 1;
  salt.copy(block, block.length - salt.length);
  const masked = xor(block, mgf1(hash, h, block.length));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  const encoded = Buffer.concat([masked, h, Buffer.from([0xbc])]);
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded);
}

function mgf1(hash: string, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0; Buffer.concat(blocks).length < length; counter++) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    blocks.push(createHash(hash).update(seed).update(number).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}

const orders: Readonly<Record<string, bigint>> = {
  prime256v1: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  secp384r1:
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  secp521r1:
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};

/** ECDSA (FIPS 186-5 §6.4.1), `r` and `s` side by side; the hash is not longer than the order. */
export function signEcdsa(key: KeyObject, digest: Buffer): Buffer {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const n = orders[curve] ?? 0n;
  const size = Math.ceil(n.toString(16).length / 2);
  const d = toNumber(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'));
  const ecdh = createECDH(curve);
  const point = ecdh.generateKeys();
  const k = toNumber(ecdh.getPrivateKey());
  const r = toNumber(point.subarray(1, 1 + size)) % n;
  const s = (inverse(k, n) * (toNumber(digest) + r * d)) % n;
  return Buffer.concat([r, s].map((part) => toBytes(part, size)));
}

function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function toBytes(number: bigint, size: number): Buffer {
  return Buffer.from(number.toString(16).padStart(2 * size, '0'), 'hex');
}

/** The extended Euclidean algorithm. */
function inverse(number: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [number % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b, x, y] = [b % a, a, y - quotient * x, x];
  }
  return ((x % modulus) + modulus) % modulus;
}
