import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeReadFailure } from './config/files.ts';
import type { LoadedConfiguration } from './config/load.ts';
import { ConfigurationError, type Problem, problemAt } from './config/problems.ts';

export interface TlsSettings {
  readonly cert_file: string;
  readonly key_file: string;
  readonly client_ca_file?: string | undefined;
}

/** What the files of a listener hold, in PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Callers need a certificate of these authorities, where there are any. */
  readonly ca?: Buffer;
}

/** @throws Error that names the file, and quotes nothing of it, when one cannot be read or used */
export function readTls({ cert_file, key_file, client_ca_file }: TlsSettings): TlsFiles {
  const files = {
    cert: readPem(cert_file),
    key: readPem(key_file),
    ...(client_ca_file !== undefined && { ca: readPem(client_ca_file) }),
  };
  try {
    createSecureContext(files);
    // OpenSSL takes two of different kinds, and then no handshake works.
    if (!new X509Certificate(files.cert).checkPrivateKey(createPrivateKey(files.key))) {
      throw new Error('the key is not that of the certificate');
    }
  } catch (error) {
    const names = [cert_file, key_file, client_ca_file].filter((name) => name !== undefined);
    throw new Error(`${names.join(', ')}: cannot be used together (${reasonOf(error)})`);
  }
  return files;
}

export type ListenerName = 'auth' | 'grpc' | 'public' | 'ops';

/**
 * Reads and tries what every listener with TLS needs.
 *
 * @throws ConfigurationError with all that cannot be used
 */
export function readAllTls(loaded: LoadedConfiguration): ReadonlyMap<ListenerName, TlsFiles> {
  const files = new Map<ListenerName, TlsFiles>();
  const problems: Problem[] = [];
  for (const name of ['auth', 'grpc', 'public', 'ops'] as const) {
    const tls = loaded.configuration.listen[name]?.tls;
    if (tls === undefined) continue;
    try {
      files.set(name, readTls(tls));
    } catch (error) {
      problems.push(problemAt(loaded, ['listen', name, 'tls'], (error as Error).message));
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return files;
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`${file}: ${describeReadFailure(error)}`);
  }
}

/** OpenSSL's word for it, such as `key values mismatch`. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as Error & { readonly reason?: string };
  return reason ?? message;
}
