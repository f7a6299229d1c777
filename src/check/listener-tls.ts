import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeReadFailure } from '../config/files.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { Row } from './row.ts';

type Listener = NonNullable<Configuration['listen']['auth' | 'grpc']>;
type Tls = NonNullable<Listener['tls']>;

const soonMs = 14 * 24 * 60 * 60_000;

/**
 * Loads the TLS files of each listener as it would.
 *
 * @param now milliseconds since the epoch
 */
export function checkListenerTls(listen: Configuration['listen'], now: number): readonly Row[] {
  return Object.entries(listen).flatMap(([name, at]) => {
    if (at?.tls === undefined) return [];
    const row = { what: `listen.${name}.tls`, where: at.tls.cert_file };
    try {
      return { ...row, ...judgeExpiry(loadCertificate(at.tls), now) };
    } catch (error) {
      return { ...row, result: 'failed', why: (error as Error).message };
    }
  });
}

/** @throws Error that says what is wrong, and quotes nothing */
function loadCertificate(tls: Tls): X509Certificate {
  const [cert, key] = [read('cert_file', tls.cert_file), read('key_file', tls.key_file)];
  const certificate = parse('cert_file', cert);
  if (tls.client_ca_file !== undefined) {
    parse('client_ca_file', read('client_ca_file', tls.client_ca_file));
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code.includes('MISMATCH')) throw new Error('key_file is not the key of the certificate');
    throw new Error(`key_file or cert_file cannot be used (${code})`);
  }
  return certificate;
}

function read(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${setting} ${describeReadFailure(error)}`);
  }
}

function parse(setting: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Error(`${setting} holds no certificate in PEM`);
  }
}

function judgeExpiry(certificate: X509Certificate, now: number): Pick<Row, 'result' | 'why'> {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (from > now) return { result: 'failed', why: `not valid before ${day(from)}` };
  if (to <= now) return { result: 'failed', why: `ended on ${day(to)}` };
  return { result: to - now < soonMs ? 'warning' : 'good', why: `ends on ${day(to)}` };
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
