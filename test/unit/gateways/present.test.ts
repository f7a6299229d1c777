import { describe, expect, it } from '@jest/globals';
import { certificateFormats } from '../../../src/config/schema/gateways.ts';
import { certificateDecoder } from '../../../src/gateways/client-certificate-header.ts';
import {
  type ClientRequest,
  type HttpProfileName,
  presentRequest,
} from '../../../src/gateways/present.ts';
import { profiles } from '../../../src/gateways/profiles.ts';
import { writeClientCertificate } from '../../../src/gateways/write-client-certificate.ts';
import { issueAuthority, issueCertificate, name } from '../../support/certificates.ts';
import { forwardedHeaders, httpProfiles, nginxHeaders } from '../../support/service.ts';

const url = 'https://api.example.com:8443/a/../b?q=%20z';
const request: ClientRequest = {
  ...{ method: 'DELETE', scheme: 'https', host: 'api.example.com:8443', target: '/a/../b?q=%20z' },
  ...{ headers: ['Accept', '*/*'], certificate: [], consumer: [] },
  ...{ upstreamUrl: undefined, verified: undefined, secret: undefined },
};
const authority = issueAuthority({ subject: name({ CN: 'CA' }) });
const leaf = issueCertificate({ subject: name({ CN: 'c' }) }, authority);
const chain = [leaf.der, authority.der];
const present = (profile: string, more: Partial<ClientRequest> = {}, certificate = false) =>
  presentRequest(
    { ...request, ...more },
    { profile: profile as HttpProfileName, certificate: certificate ? {} : undefined },
  );

describe('a request through', () => {
  it.each(['nginx', 'ingress-nginx'])('%s is in X-Original headers', (profile) => {
    expect(present(profile)).toEqual({
      ...{ method: 'GET', rest: '' },
      headers: [...nginxHeaders(url, 'DELETE'), 'Accept', '*/*'],
    });
  });

  it.each(['traefik', 'caddy', 'haproxy', 'apache', 'apisix'])(
    '%s is in X-Forwarded headers',
    (profile) => {
      expect(present(profile)).toEqual({
        ...{ method: 'GET', rest: '' },
        headers: [...forwardedHeaders(url, 'DELETE'), 'Accept', '*/*'],
      });
    },
  );

  it('kong says what Kong knows besides', () => {
    const known = { consumer: ['X-Consumer-ID', 'c-1'], upstreamUrl: 'http://orders:8000/x' };
    expect(present('kong', known).headers).toEqual([
      ...forwardedHeaders(url, 'DELETE'),
      ...['X-Upstream-Url', 'http://orders:8000/x', 'X-Consumer-ID', 'c-1', 'Accept', '*/*'],
    ]);
  });

  it('envoy is the request itself, behind a prefix', () => {
    expect(present('envoy')).toEqual({
      ...{ method: 'DELETE', rest: '/a/../b?q=%20z' },
      headers: [
        ...['host', 'api.example.com:8443', 'content-length', '0'],
        ...['x-forwarded-proto', 'https', 'Accept', '*/*'],
      ],
    });
  });
});

describe.each(httpProfiles)('%s', (profile) => {
  const { headers, certificate } = profiles[profile as HttpProfileName];
  const verifyHeader = 'verifyHeader' in certificate ? [certificate.verifyHeader] : [];
  const own = [...headers, certificate.header, ...verifyHeader];
  const forged = [...own, 'X-Countersign-Credential', 'X-Countersign-Secret', 'Content-Length'];

  it('says nothing that its client said in its name', () => {
    const lines = forged.flatMap((each) => [each.toUpperCase(), 'forged', each, 'forged']);
    const call = present(profile, { headers: [...lines, 'Accept', '*/*'] }, true);
    expect(call.headers).not.toContain('forged');
    expect(call.headers.slice(-2)).toEqual(['Accept', '*/*']);
  });

  it('passes a certificate on only when it is told to', () => {
    const lines = present(profile, { certificate: chain }, true).headers;
    const at = lines.indexOf(certificate.header);
    const [first] = certificateDecoder(certificate.format)(lines[at + 1] ?? '') ?? [];
    expect(Buffer.from(first ?? []).equals(leaf.der)).toBe(true);
    for (const each of verifyHeader) expect(lines[lines.indexOf(each) + 1]).toBe('SUCCESS');
    expect(present(profile, { certificate: chain }).headers).not.toContain(certificate.header);
    expect(present(profile, {}, true).headers).not.toContain(certificate.header);
  });

  it('passes it on where the configuration says', () => {
    const as = { header: 'X-Cert', format: 'base64-der' } as const;
    const lines = presentRequest(
      { ...request, certificate: chain, headers: ['x-cert', 'forged'] },
      { profile: profile as HttpProfileName, certificate: as },
    ).headers;
    expect(lines[lines.indexOf('X-Cert') + 1]).toBe(leaf.der.toString('base64'));
    expect(lines).not.toContain('forged');
  });

  it('proves itself, and says what it verified', () => {
    const { headers: lines } = present(profile, { secret: 's', verified: 'bearer' });
    expect(lines[lines.indexOf('x-countersign-secret') + 1]).toBe('s');
    expect(lines[lines.indexOf('x-countersign-credential') + 1]).toBe('bearer');
  });
});

describe('a certificate in a header', () => {
  it.each(certificateFormats)('as %s is read as it was', (format) => {
    const read = certificateDecoder(format)(writeClientCertificate(format, chain)) ?? [];
    const whole = ['base64-der-list', 'xfcc'].includes(format);
    expect(read.map((der) => Buffer.from(der).toString('base64'))).toEqual(
      (whole ? chain : [leaf.der]).map((der) => der.toString('base64')),
    );
  });
});
