import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  certificateThumbprint,
  createClientCertificateMethod,
} from '../../../../../src/exchange/credentials/client-certificate/client-certificate.ts';
import { CredentialFileError } from '../../../../../src/exchange/credentials/credential-file-error.ts';
import { refuse } from '../../../../../src/exchange/refusals.ts';
import type { Subject } from '../../../../../src/exchange/types.ts';
import {
  attributeOid,
  basicConstraints,
  type CertificateSpec,
  ecKeys,
  edKeys,
  extendedKeyUsage,
  type Issued,
  issueAuthority,
  issueCertificate,
  keyUsage,
  name,
  purpose,
  rsaKeys,
  subjectAltName,
} from '../../../../support/certificates.ts';
import { requestWith } from '../request-with.ts';

const now = Date.UTC(2026, 5, 1);
const day = 24 * 3600 * 1000;
const valid = { notBefore: new Date(now - 10 * day), notAfter: new Date(now + 10 * day) };

const issue = (spec: Partial<CertificateSpec>, issuer: Issued) =>
  issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }), ...valid, ...spec }, issuer);
const authority = (
  spec: Partial<CertificateSpec> & { readonly pathLength?: number },
  issuer?: Issued,
) =>
  issueAuthority(
    { subject: name({ CN: `CA ${serial++}` }), ...valid, keys: ecKeys(), ...spec },
    issuer,
  );
let serial = 0;

const root = authority({ subject: name({ O: 'Acme', CN: 'Root' }) });

/** What the method says about a chain that the gateway passed on, leaf first. */
function identify(chain: readonly Uint8Array[], options: { ca?: string; at?: number } = {}) {
  const { ca = root.pem, at = now } = options;
  const method = createClientCertificateMethod({ ca, now: () => at });
  return method.identify('header', requestWith({ decodeCertificate: () => chain }));
}
function trust(chain: readonly Uint8Array[], at = now) {
  const method = createClientCertificateMethod({ trusted: true, now: () => at });
  return method.identify('header', requestWith({ decodeCertificate: () => chain }));
}
const untrusted = (detail: string) => refuse('untrusted_certificate', detail);
const noPath = untrusted('no trusted authority issued it');
const accepted = { clientId: 'O=Acme, CN=client-1' };

describe('createClientCertificateMethod', () => {
  it('says whether it trusts the gateway, and finds what the profile read', () => {
    const trusting = createClientCertificateMethod({ trusted: true, now: () => now });
    expect(trusting).toMatchObject({ kind: 'client_certificate', trusted: true });
    expect(createClientCertificateMethod({ ca: root.pem, now: () => now }).trusted).toBe(false);
    expect(trusting.find(requestWith({ certificate: 'x' }))).toBe('x');
    expect(trusting.find(requestWith({}))).toBeUndefined();
  });

  it('describes a certificate that an authority issued', () => {
    const san = subjectAltName(
      ['dns', 'client-1.acme.test'],
      ['dns', 'x, DNS:admin'],
      ['uri', 'spiffe://acme.test/client-1'],
      ['email', 'a@b.c'],
      ['ip', '\x0a\0\0\x01'],
    );
    const { der } = issue({ extensions: [san] }, root);
    const sha256 = createHash('sha256').update(der);
    const subject = identify([der]) as Subject;
    expect(subject).toEqual({
      clientId: 'O=Acme, CN=client-1',
      subject: 'O=Acme, CN=client-1',
      claims: {},
      credential: {
        type: 'client_certificate',
        subject: 'O=Acme, CN=client-1',
        issuer: 'O=Acme, CN=Root',
        serial_number: expect.stringMatching(/^[0-9A-F]+$/),
        fingerprint_sha256: sha256.copy().digest('hex'),
        x5t_s256: sha256.digest('base64url'),
        san: {
          dns: ['client-1.acme.test', 'x, DNS:admin'],
          uri: ['spiffe://acme.test/client-1'],
          email: ['a@b.c'],
        },
      },
      expiresAt: (now + 10 * day) / 1000,
      reusableUntil: now + 10 * day,
    });
    expect(trust([der])).toEqual(subject);
  });

  describe('reading', () => {
    const { der } = issue({}, root);

    it.each([
      ['nothing', []],
      ['no DER', [Buffer.from('certificate')]],
      ['PEM where DER is expected', [Buffer.from(issue({}, root).pem)]],
      ['bytes behind the certificate', [Buffer.concat([der, Buffer.from([0])])]],
      ['a certificate that is cut off', [der.subarray(0, -1)]],
      ['two certificates in one', [Buffer.concat([der, der])]],
    ])('refuses %s in both modes', (_what, chain) => {
      expect(identify(chain)).toEqual(refuse('malformed_certificate'));
      expect(trust(chain)).toEqual(refuse('malformed_certificate'));
    });

    it('refuses a header that the decoder refuses', () => {
      const method = createClientCertificateMethod({ trusted: true, now: () => now });
      expect(method.identify('x', requestWith({}))).toEqual(refuse('malformed_certificate'));
    });

    it('reads what came beside the leaf only to verify', () => {
      const chain = [der, Buffer.from('x')];
      expect(identify(chain)).toEqual(
        refuse('malformed_certificate', 'a certificate beside the leaf'),
      );
      expect(trust(chain)).toMatchObject(accepted);
    });

    it.each([3, 7, 29])(
      'refuses a name whose value is no text, but would print like one: tag %i',
      (type) => {
        const subject = [[{ oid: attributeOid.CN, value: '\0admin', type }]];
        expect(trust([issue({ subject }, root).der])).toEqual(refuse('malformed_certificate'));
      },
    );

    it('refuses an extension that comes twice', () => {
      const extensions = [subjectAltName(['dns', 'a']), subjectAltName(['dns', 'b'])];
      expect(trust([issue({ extensions }, root).der])).toEqual(refuse('malformed_certificate'));
    });

    it.each(['a\0b', 'a\nb', 'j\xfcrgen', ''])('refuses the alternative name %j', (text) => {
      const extensions = [subjectAltName(['dns', text])];
      expect(trust([issue({ extensions }, root).der])).toEqual(
        refuse('malformed_certificate', 'its issuer or an alternative name'),
      );
    });

    it.each([
      ['empty', []],
      ['with NUL', name({ CN: 'admin\0.evil' })],
    ])('refuses a subject that is %s: it names no client', (_what, subject) => {
      const refusal = refuse('no_client_id', 'the subject is empty or hostile');
      expect(trust([issue({ subject }, root).der])).toEqual(refusal);
      expect(identify([issue({ subject }, root).der])).toEqual(refusal);
    });
  });

  describe('validity', () => {
    const { der } = issue({}, root);
    const { notBefore, notAfter } = valid;

    it.each([
      ['from its first second', notBefore.getTime(), accepted],
      ['to its last second', notAfter.getTime(), accepted],
      ['not before', notBefore.getTime() - 1, untrusted('it is not valid yet')],
      ['not after', notAfter.getTime() + 1, untrusted('it has expired')],
    ])('holds %s, also where the gateway is trusted', (_when, at, expected) => {
      expect(identify([der], { at })).toMatchObject(expected);
      expect(trust([der], at)).toMatchObject(expected);
    });

    it('ends with the first certificate on the way to the authority', () => {
      const short = authority({ notAfter: new Date(now + day) }, root);
      const leaf = issue({}, short);
      expect(identify([leaf.der, short.der])).toMatchObject({
        expiresAt: (now + day) / 1000,
        reusableUntil: now + day,
      });
      expect(identify([leaf.der], { ca: short.pem })).toMatchObject({ reusableUntil: now + day });
      const late = now + 2 * day;
      expect(identify([leaf.der, short.der], { at: late })).toEqual(noPath);
      expect(identify([leaf.der], { ca: short.pem, at: late })).toEqual(noPath);
    });

    it('knows dates beyond 2050', () => {
      const notAfter = new Date(Date.UTC(2061, 0, 1));
      const far = issue({ notAfter }, root);
      expect(trust([far.der])).toMatchObject({ reusableUntil: notAfter.getTime() });
    });
  });

  describe('path', () => {
    const one = authority({}, root);
    const two = authority({}, one);
    const leaf = issue({}, two);

    it('leads over presented certificates, in any order', () => {
      expect(identify([leaf.der, two.der, one.der])).toMatchObject(accepted);
      expect(identify([leaf.der, one.der, two.der])).toMatchObject(accepted);
      expect(identify([leaf.der, leaf.der, one.der, two.der])).toMatchObject(accepted);
    });

    it('leads over certificates of the file, each of which is trusted', () => {
      expect(identify([leaf.der, two.der], { ca: `${root.pem}\n${one.pem}` })).toMatchObject(
        accepted,
      );
      expect(identify([leaf.der], { ca: two.pem })).toMatchObject(accepted);
    });

    it('is missing when one certificate is missing', () => {
      expect(identify([leaf.der, two.der])).toEqual(noPath);
      expect(identify([leaf.der])).toEqual(noPath);
    });

    it('is not there for an authority that nobody trusts', () => {
      const strange = authority({ subject: root.subject });
      const forged = issue({}, strange);
      expect(identify([forged.der])).toEqual(noPath);
      expect(identify([forged.der, strange.der])).toEqual(noPath);
      expect(trust([forged.der])).toMatchObject(accepted);
    });

    it('does not lead over a certificate that is no authority', () => {
      const client = issue({ keys: ecKeys(), extensions: [keyUsage('digitalSignature')] }, root);
      expect(identify([issue({}, client).der, client.der])).toEqual(noPath);
      const plain = issue({ keys: ecKeys() }, root);
      expect(identify([issue({}, plain).der, plain.der])).toEqual(noPath);
    });

    it('needs the name of the issuer beside its signature', () => {
      const renamed = authority({ keys: root });
      expect(identify([issue({}, renamed).der])).toEqual(noPath);
      expect(identify([issue({}, root).der], { ca: renamed.pem })).toEqual(noPath);
    });

    it('does not lead over an authority that may not sign certificates', () => {
      const keys = ecKeys();
      const extensions = [basicConstraints(), keyUsage('digitalSignature')];
      const broken = issueCertificate(
        { subject: name({ CN: 'x' }), ...valid, keys, extensions },
        root,
      );
      expect(identify([issue({}, broken).der, broken.der])).toEqual(noPath);
    });

    it('respects the path length of presented and trusted authorities', () => {
      const last = authority({ pathLength: 0 }, root);
      const beyond = authority({}, last);
      expect(identify([issue({}, last).der, last.der])).toMatchObject(accepted);
      expect(identify([issue({}, beyond).der, beyond.der, last.der])).toEqual(noPath);

      const strict = authority({ pathLength: 0 });
      const below = authority({}, strict);
      const leafBelow = issue({}, below).der;
      expect(identify([leafBelow, below.der], { ca: strict.pem })).toEqual(noPath);
      expect(identify([issue({}, strict).der], { ca: strict.pem })).toMatchObject(accepted);
    });

    it('has at most four authorities between the leaf and the trusted one', () => {
      const chain = [authority({}, root)];
      for (let i = 0; i < 4; i++) chain.unshift(authority({}, chain[0]));
      const [fifth, fourth, ...others] = chain as [Issued, Issued, ...Issued[]];
      const rest = others.map(({ der }) => der);
      expect(identify([issue({}, fourth).der, fourth.der, ...rest])).toMatchObject(accepted);
      expect(identify([issue({}, fifth).der, fifth.der, fourth.der, ...rest])).toEqual(noPath);
    });

    it('ends where authorities certify one another', () => {
      const keys = { a: ecKeys(), b: ecKeys() };
      const names = { a: name({ CN: 'loop a' }), b: name({ CN: 'loop b' }) };
      const selfA = authority({ subject: names.a, keys: keys.a });
      const b = authority({ subject: names.b, keys: keys.b }, selfA);
      const a = authority({ subject: names.a, keys: keys.a }, b);
      expect(identify([issue({}, a).der, a.der, b.der])).toEqual(noPath);
    });

    it('finds the way when a presented twin of an authority leads nowhere', () => {
      const twin = authority({ subject: one.subject, keys: one });
      const leaf = issue({}, one).der;
      expect(identify([leaf, twin.der, one.der])).toMatchObject(accepted);
    });

    it('takes no signature of a changed certificate', () => {
      const changed = Buffer.from(issue({}, root).der);
      changed[changed.indexOf('client-1')] = 'k'.charCodeAt(0);
      expect(trust([changed])).toMatchObject({ clientId: 'O=Acme, CN=klient-1' });
      expect(identify([changed])).toEqual(noPath);
    });
  });

  describe('profile of the leaf', () => {
    const eku = 'its extended key usage does not allow client authentication';
    const usage = 'its key usage does not allow client authentication';
    const critical = 'it has a critical extension that is not understood';
    const nothing = Buffer.from([0x05, 0x00]);

    it.each([
      ['client authentication', [extendedKeyUsage(purpose.serverAuth, purpose.clientAuth)]],
      ['digital signature', [keyUsage('digitalSignature')]],
      ['an unknown extension that is not critical', [{ oid: '1.2.3.4', value: nothing }]],
    ])('takes %s', (_what, extensions) => {
      expect(identify([issue({ extensions }, root).der])).toMatchObject(accepted);
    });

    it.each([
      ['a server certificate', [extendedKeyUsage(purpose.serverAuth)], eku],
      ['any purpose', [extendedKeyUsage('2.5.29.37.0')], eku],
      ['purposes that cannot be read', [{ oid: '2.5.29.37', value: nothing }], eku],
      ['a key for encryption only', [keyUsage('keyEncipherment')], usage],
      ['an authority', [basicConstraints()], 'it is the certificate of an authority'],
      ['a critical unknown', [{ oid: '1.2.3.4', critical: true, value: nothing }], critical],
    ])('refuses %s, though the authority issued it', (_what, extensions, detail) => {
      const { der } = issue({ extensions }, root);
      expect(identify([der])).toEqual(untrusted(detail));
      expect(trust([der])).toMatchObject(accepted);
    });

    it.each([
      ['RSA with 2048 bits', rsaKeys(2048)],
      ['P-384', ecKeys('secp384r1')],
      ['Ed25519', edKeys()],
    ])('takes the key %s', (_what, keys) => {
      expect(identify([issue({ keys }, root).der])).toMatchObject(accepted);
    });

    it.each([
      ['RSA with 1024 bits', rsaKeys(1024), 'its RSA key has 1024 bits'],
      ['secp256k1', ecKeys('secp256k1'), 'its curve is not accepted'],
    ])('refuses the key %s', (_what, keys, detail) => {
      expect(identify([issue({ keys }, root).der])).toEqual(untrusted(detail));
    });
  });

  describe('signatures', () => {
    const rsaRoot = authority({ keys: rsaKeys() });
    const ca = rsaRoot.pem;

    it.each(['rsa-sha256', 'rsa-pss-sha256'] as const)('takes %s', (signature) => {
      expect(identify([issue({ signature }, rsaRoot).der], { ca })).toMatchObject(accepted);
    });

    it.each(['rsa-sha1', 'rsa-pss-sha1'] as const)('refuses %s', (signature) => {
      expect(identify([issue({ signature }, rsaRoot).der], { ca })).toEqual(
        untrusted('its signature algorithm is not accepted'),
      );
      const weak = authority({ signature }, rsaRoot);
      expect(identify([issue({}, weak).der, weak.der], { ca })).toEqual(noPath);
      expect(identify([issue({}, weak).der], { ca: weak.pem })).toMatchObject(accepted);
    });

    it('takes Ed25519', () => {
      const edRoot = authority({ keys: edKeys() });
      expect(identify([issue({}, edRoot).der], { ca: edRoot.pem })).toMatchObject(accepted);
    });
  });

  describe('the file of authorities', () => {
    const problemsOf = (ca: string) => {
      try {
        createClientCertificateMethod({ ca, now: () => now });
      } catch (error) {
        if (error instanceof CredentialFileError) return error.problems;
        throw error;
      }
      return [];
    };
    const constrained = { oid: '2.5.29.30', critical: true, value: Buffer.from([0x30, 0x00]) };

    it('may have comments, line ends of other systems, and expired authorities', () => {
      const expired = authority({ notAfter: new Date(now - day) });
      const ca = `# our CA\r\n${root.pem.replaceAll('\n', '\r\n')}\n\nold one:\n${expired.pem}`;
      expect(identify([issue({}, root).der], { ca })).toMatchObject(accepted);
      expect(identify([issue({}, expired).der], { ca })).toEqual(noPath);
    });

    it.each([
      ['nothing', '', 'the file has no certificate in PEM'],
      ['only text', 'MIIB', 'the file has no certificate in PEM'],
      ['a key', `${root.pem}-----BEGIN PRIVATE KEY-----\n`, /no whole certificate in PEM/],
      ['half a certificate', root.pem.slice(0, 200), /no whole certificate in PEM/],
      ['an empty block', root.pem.replace(/\n[^-]+\n/, '\n'), /^line 1: certificate: it cannot/],
      ['damaged base64', `${root.pem}\n${root.pem.replace('MII', 'M=I')}`, /: it cannot be read$/],
      ['damaged DER', root.pem.replace('MIIB', 'MIIC'), 'line 1: certificate: it cannot be read'],
      ['a client', `\n${issue({}, root).pem}`, /^line 2: .* not the certificate of an authority$/],
      ['a weak key', authority({ keys: rsaKeys(1024) }).pem, /: its RSA key has 1024 bits$/],
      [
        'servers only',
        authority({ extensions: [extendedKeyUsage(purpose.serverAuth)] }).pem,
        /extended key usage/,
      ],
      ['name constraints', authority({ extensions: [constrained] }).pem, /name constraints/],
    ])('is refused with %s', (_what, ca, problem) => {
      expect(problemsOf(ca)).toEqual([
        typeof problem === 'string' ? problem : expect.stringMatching(problem),
      ]);
    });
  });
});

describe('certificateThumbprint', () => {
  it('RFC 8705 §3.1: is the base64url SHA-256 of the DER', () => {
    expect(certificateThumbprint(Buffer.from('abc'))).toBe(
      'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0',
    );
  });
});
