import type { KeyObject } from 'node:crypto';
import { thumbprint } from './public-jwk.ts';

/** RFC 7638 thumbprints of key pairs whose private half everyone can read. */
const publishedThumbprints = new Set([
  'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', // RFC 7517 A.2, RSA
  'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s', // RFC 7517 A.2, EC
  'IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8', // RFC 7515 A.2, RSA
  'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U', // RFC 7515 A.3, EC
  'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', // RFC 8037 A.1, Ed25519
  'oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY', // jwt.io, RSA
  '19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8', // jwt.io, EC
]);

/** Texts that tutorials use as HMAC secrets, and the key of RFC 7515 A.1. */
const publishedSecrets = new Set(
  [
    'your-256-bit-secret',
    'your-384-bit-secret',
    'your-512-bit-secret',
    'your-secret-key',
    'a-string-secret-at-least-256-bits-long',
    'a-valid-string-secret-that-is-at-least-384-bits-long',
    'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  ]
    .map((text) => Buffer.from(text).toString('base64url'))
    .concat(
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    ),
);

/** The longest repeated unit that gives a secret away as made by hand (`secretsecretsecret…`). */
const longestPeriod = 16;

/** @returns whether anybody may know the key: it was published as an example, or is a pattern */
export function isGuessable(key: KeyObject): boolean {
  if (key.type !== 'secret') return publishedThumbprints.has(thumbprint(key));
  const secret = key.export();
  return publishedSecrets.has(secret.toString('base64url')) || isPattern(secret);
}

function isPattern(secret: Buffer): boolean {
  const step = ((secret[1] ?? 0) - (secret[0] ?? 0) + 256) % 256;
  if (secret.every((byte, at) => at === 0 || byte === ((secret[at - 1] ?? 0) + step) % 256)) {
    return true;
  }
  const longest = Math.min(longestPeriod, secret.length / 2); // seen once, nothing repeats
  for (let period = 2; period <= longest; period++) {
    if (secret.every((byte, at) => at < period || byte === secret[at - period])) return true;
  }
  return false;
}
