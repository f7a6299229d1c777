import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeReadFailure } from '../config/files.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import { readHeaders } from '../ops/traces/headers-file.ts';
import type { Findings } from './findings.ts';

/** Reads the files of `traces`; what is wrong with one becomes a finding. */
export function tryTraceFiles({ traces }: Configuration, findings: Findings): void {
  const attempt = (key: 'headers_file' | 'ca_file', read: (text: string) => unknown) => {
    const file = traces?.[key];
    if (file !== undefined) findings.attempt(['traces', key], () => read(readText(file)));
  };
  attempt('headers_file', readHeaders);
  attempt('ca_file', (pem) => new X509Certificate(pem));
}

/** @throws Error such as `cannot be read (ENOENT)` */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} ${describeReadFailure(error)}`);
  }
}
