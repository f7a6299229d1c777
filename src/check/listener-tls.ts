import { X509Certificate } from 'node:crypto';
import type { LoadedConfiguration } from '../config/load.ts';
import { ConfigurationError } from '../config/problems.ts';
import { readAllTls } from '../listen-tls.ts';
import type { Row } from './row.ts';

const soonMs = 14 * 24 * 60 * 60_000;

/**
 * Judges how long the certificates of listeners are good for.
 *
 * @param now milliseconds since the epoch
 * @returns nothing for files that cannot be used: that is a fault of the configuration
 */
export function checkListenerTls(loaded: LoadedConfiguration, now: number): readonly Row[] {
  try {
    return [...readAllTls(loaded)].map(([name, { cert }]) => ({
      what: `listen.${name}.tls`,
      where: loaded.configuration.listen[name]?.tls?.cert_file ?? '',
      ...judgeExpiry(new X509Certificate(cert), now),
    }));
  } catch (error) {
    if (error instanceof ConfigurationError) return [];
    throw error;
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
