import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** Protects what the replicas of one deployment share, where others may read and write it. */
export interface DeploymentKey {
  /**
   * Encrypts and authenticates (AES-256-GCM).
   *
   * @param context what the text is; `open` must be told the same
   */
  seal(text: string, context: string): string;
  /** @returns undefined when it was not sealed with one of the keys, or for another context */
  open(sealed: string, context: string): OpenedText | undefined;
  /** @returns a text that shows it was written here: itself, and a code (HMAC-SHA256) */
  authenticate(text: string): string;
  /** @returns the text; undefined when it was not authenticated with one of the keys */
  readAuthentic(written: string): string | undefined;
}

export interface OpenedText {
  readonly text: string;
  /** Whether it was sealed with the key that seals now. */
  readonly isCurrent: boolean;
}

/**
 * @param secrets 32 bytes each; the first protects, the others are only understood still
 * @param purpose separates this use of the secrets from all others
 */
export function createDeploymentKey(
  secrets: readonly Uint8Array[],
  purpose: string,
): DeploymentKey {
  const [current, ...previous] = secrets.map((secret) => deriveKeys(secret, purpose));
  if (current === undefined) throw new TypeError('There is no encryption key');
  const all = [current, ...previous];
  return {
    seal: (text, context) => seal(current.sealing, text, context),
    open(sealed, context) {
      for (const { sealing } of all) {
        const text = open(sealing, sealed, context);
        if (text !== undefined) return { text, isCurrent: sealing === current.sealing };
      }
      return undefined;
    },
    authenticate: (text) => `${text}.${codeOf(current.authenticating, text).toString('base64url')}`,
    readAuthentic(written) {
      const at = written.lastIndexOf('.');
      const text = written.slice(0, Math.max(0, at));
      const code = Buffer.from(written.slice(at + 1), 'base64url');
      const isAuthentic = all.some(({ authenticating }) => {
        const right = codeOf(authenticating, text);
        return code.length === right.length && timingSafeEqual(code, right);
      });
      return isAuthentic ? text : undefined;
    },
  };
}

interface DerivedKeys {
  readonly sealing: Buffer;
  readonly authenticating: Buffer;
}

/** RFC 5869: one key for each use, so that nothing made for one fits another. */
function deriveKeys(secret: Uint8Array, purpose: string): DerivedKeys {
  const derive = (use: string) =>
    Buffer.from(hkdfSync('sha256', secret, '', `countersign ${use} ${purpose}`, 32));
  return { sealing: derive('aes-256-gcm'), authenticating: derive('hmac-sha256') };
}

const ivBytes = 12;
const tagBytes = 16;

function seal(key: Buffer, text: string, context: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context));
  const sealed = [iv, cipher.update(text, 'utf8'), cipher.final()];
  return Buffer.concat([...sealed, cipher.getAuthTag()]).toString('base64');
}

function open(key: Buffer, sealed: string, context: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < ivBytes + tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), {
    authTagLength: tagBytes,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(-tagBytes));
  try {
    const text = decipher.update(bytes.subarray(ivBytes, -tagBytes));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function codeOf(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
