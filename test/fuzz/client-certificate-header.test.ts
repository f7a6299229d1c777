import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createClientCertificateMethod } from '../../src/exchange/credentials/client-certificate/client-certificate.ts';
import type { OriginalRequest } from '../../src/exchange/types.ts';
import {
  type CertificateFormat,
  certificateDecoder,
} from '../../src/gateways/client-certificate-header.ts';
import { issueAuthority, issueCertificate, name, pemOf } from '../support/certificates.ts';

const runs = { numRuns: 500 };
const formats = ['url-pem', 'base64-der', 'base64-der-list', 'rfc9440', 'xfcc'] as const;
const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array));

const encode: Record<CertificateFormat, (der: Buffer) => string> = {
  'url-pem': (der) => encodeURIComponent(pemOf(der)),
  'base64-der': (der) => der.toString('base64'),
  'base64-der-list': (der) => der.toString('base64'),
  rfc9440: (der) => `:${der.toString('base64')}:`,
  xfcc: (der) => `Hash=ab;Cert="${encodeURIComponent(pemOf(der))}";Subject="CN=a\\,b\\"";URI=`,
};

const authority = issueAuthority({ subject: name({ CN: 'CA' }) });
const { der } = issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }) }, authority);

describe.each(formats)('a client certificate as %s', (format) => {
  const decode = certificateDecoder(format);
  const valid = encode[format](der);

  it('comes out as it went in', () => {
    fc.assert(
      fc.property(bytes, (certificate) => {
        expect(decode(encode[format](certificate))?.map((one) => Buffer.from(one))).toEqual([
          certificate,
        ]);
      }),
      runs,
    );
  });

  it('is decoded without an exception, whatever comes', () => {
    const part = fc.constantFrom('Cert=', '"', '\\', ',', ';', ':', '%', '%0A', 'AAAA', '=', ' ');
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(part, fc.constant(valid.slice(0, 60)))).map((parts) => parts.join('')),
      fc.nat(valid.length).map((end) => valid.slice(0, end)),
    );
    fc.assert(
      fc.property(hostile, (header) => {
        for (const certificate of decode(header) ?? [])
          expect(certificate.length).toBeGreaterThan(0);
      }),
      runs,
    );
  });

  it('is decoded in linear time', () => {
    const started = performance.now();
    for (const unit of [
      '%0A',
      ',',
      ';',
      '=',
      '"',
      '\\',
      'A',
      'Cert=',
      'a="',
      'a=b;',
      ' ',
      '-----BEGIN%20CERTIFICATE-----%0A',
    ]) {
      const flood = unit.repeat(64_000 / unit.length);
      decode(flood);
      decode(`Cert="${flood}`);
      decode(`Cert=${flood}`);
      decode(`-----BEGIN%20CERTIFICATE-----%0A${flood}`);
    }
    expect(performance.now() - started).toBeLessThan(1500);
  });
});

describe('a damaged certificate', () => {
  const trusting = createClientCertificateMethod({ trusted: true, now: Date.now });
  const verifying = createClientCertificateMethod({ ca: authority.pem, now: Date.now });
  const asked = (chain: readonly Uint8Array[]) =>
    ({ decodeCertificate: () => chain }) as unknown as OriginalRequest;

  it('is never an exception, and never verified', async () => {
    const change = fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = Buffer.from(der);
        for (const [at, mask] of changes) damaged[at] = (damaged[at] ?? 0) ^ mask;
        if (damaged.equals(der)) return;
        await trusting.identify('', asked([damaged]));
        expect(await verifying.identify('', asked([damaged]))).toMatchObject({ allowed: false });
        expect(await verifying.identify('', asked([damaged, authority.der]))).toMatchObject({
          allowed: false,
        });
      }),
      { numRuns: 300 },
    );
  });

  it('is not brought in by what lies beside a good one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 4 }), async (others) => {
        const answer = await verifying.identify('', asked([der, ...others]));
        expect('allowed' in answer).toBe(others.length > 0);
      }),
      { numRuns: 100 },
    );
  });
});
