import { describe, expect, it } from '@jest/globals';
import { type CallerRules, createCallerCheck } from '../../../src/gateways/callers.ts';
import { issueCertificate, name, subjectAltName } from '../../support/certificates.ts';

const none = { networks: undefined, secrets: undefined, certificates: undefined };
const secret = 'a-secret-of-the-gateway';

interface Caller {
  readonly remoteAddress?: string;
  readonly sent?: string;
  readonly authorized?: boolean;
  readonly raw?: Buffer;
}
function isCaller(
  rules: Partial<CallerRules>,
  { sent, raw, ...socket }: Caller,
  transport: 'tcp' | 'unix' = 'tcp',
) {
  const check = createCallerCheck({ ...none, ...rules }, transport);
  return check({ ...socket, getPeerCertificate: () => (raw ? { raw } : {}) }, sent);
}

it('without rules, anybody who reaches the listener may ask', () => {
  const check = createCallerCheck(undefined, 'tcp');
  expect(check({}, undefined)).toBe(true);
});

describe('networks', () => {
  it.each<[string, string, boolean]>([
    ['10.1.0.0/16', '10.1.255.255', true],
    ['10.1.0.0/16', '::ffff:10.1.2.3', true],
    ['10.1.0.0/16', '::FFFF:10.1.2.3', true],
    ['10.1.0.0/16', '10.2.0.0', false],
    ['10.1.0.0/16', '::ffff:10.2.0.1', false],
    ['10.1.0.0/16', '::10.1.2.3', false],
    ['10.1.0.0/16', '64:ff9b::10.1.2.3', false],
    ['10.1.2.3/32', '10.1.2.3', true],
    ['10.1.2.3/32', '10.1.2.4', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['::ffff:10.1.0.0/112', '10.1.2.3', true],
    ['::ffff:10.1.0.0/112', '10.2.2.3', false],
    ['::ffff:10.1.2.3', '10.1.2.3', true],
    ['fd00:1::/48', 'fd00:1::5', true],
    ['fd00:1::/48', 'FD00:1:0:9::1', true],
    ['fd00:1::/48', 'fd00:2::5', false],
    ['::1/128', '::1', true],
    ['::1/128', '127.0.0.1', false],
    ['127.0.0.1/32', '::1', false],
    ['10.0.0.0/8', '', false],
    ['10.0.0.0/8', 'localhost', false],
  ])('%s and %s: %s', (network, remoteAddress, is) => {
    expect(isCaller({ networks: [network] }, { remoteAddress })).toBe(is);
  });

  it('are alternatives', () => {
    const networks = ['10.1.0.0/16', 'fd00:1::/48'];
    expect(isCaller({ networks }, { remoteAddress: '10.1.0.1' })).toBe(true);
    expect(isCaller({ networks }, { remoteAddress: 'fd00:1::1' })).toBe(true);
    expect(isCaller({ networks }, {})).toBe(false);
  });

  it('mean nothing on a unix socket, where the other rules still hold', () => {
    const rules = { networks: ['10.1.0.0/16'], secrets: [secret] };
    expect(isCaller(rules, { sent: secret }, 'unix')).toBe(true);
    expect(isCaller(rules, {}, 'unix')).toBe(false);
  });

  it('that are none are an error', () => {
    expect(() => createCallerCheck({ ...none, networks: ['gateway'] }, 'tcp')).toThrow(RangeError);
  });
});

describe('a secret', () => {
  const secrets = [secret, 'the-secret-that-comes-next'];

  it.each<[string, string | undefined, boolean]>([
    ['the first', secret, true],
    ['the second', 'the-secret-that-comes-next', true],
    ['none', undefined, false],
    ['an empty one', '', false],
    ['another', 'a-secret-of-the-gatewax', false],
    ['a part of it', secret.slice(0, -1), false],
    ['more than it', `${secret} `, false],
    ['both', secrets.join('\n'), false],
    ['both in a list', secrets.join(', '), false],
    ['another case', secret.toUpperCase(), false],
  ])('lets in who sends %s: %s %s', (_what, sent, is) => {
    expect(isCaller({ secrets }, { ...(sent !== undefined && { sent }) })).toBe(is);
  });

  it('lets nobody in when there is none in the list', () => {
    expect(isCaller({ secrets: [] }, { sent: '' })).toBe(false);
  });
});

describe('a certificate', () => {
  const certificates = ['gateway.example.com', 'spiffe://example.com/gateway'];
  const withNames = (...names: (readonly ['dns' | 'uri' | 'email', string])[]) =>
    issueCertificate({
      subject: name({ CN: 'gateway.example.com' }),
      extensions: [subjectAltName(...names)],
    }).der;

  it.each<[string, Buffer, boolean]>([
    ['with the DNS name', withNames(['dns', 'gateway.example.com']), true],
    ['with the URI', withNames(['uri', 'spiffe://example.com/gateway']), true],
    [
      'with the name beside others',
      withNames(['dns', 'a.example.com'], ['dns', 'gateway.example.com']),
      true,
    ],
    ['with another name', withNames(['dns', 'other.example.com']), false],
    ['with a name below it', withNames(['dns', 'x.gateway.example.com']), false],
    ['with a wildcard', withNames(['dns', '*.example.com']), false],
    ['with the name as an e-mail address', withNames(['email', 'gateway.example.com']), false],
    [
      'with a URI that only contains it',
      withNames(['uri', 'spiffe://example.com/gateway/x']),
      false,
    ],
    ['with a name that looks like two', withNames(['dns', 'x, DNS:gateway.example.com']), false],
    [
      'with a URI that looks like two',
      withNames(['uri', 'spiffe://x, URI:spiffe://example.com/gateway']),
      false,
    ],
    [
      'with the name as common name only',
      issueCertificate({ subject: name({ CN: 'gateway.example.com' }) }).der,
      false,
    ],
  ])('%s lets in: %s', (_what, raw, is) => {
    expect(isCaller({ certificates }, { authorized: true, raw })).toBe(is);
  });

  it('counts only when TLS has verified it', () => {
    const raw = withNames(['dns', 'gateway.example.com']);
    expect(isCaller({ certificates }, { authorized: false, raw })).toBe(false);
    expect(isCaller({ certificates }, { raw })).toBe(false);
    expect(isCaller({ certificates }, { authorized: true })).toBe(false);
  });
});

it('all that is given must hold', () => {
  const raw = issueCertificate({
    subject: name({ CN: 'g' }),
    extensions: [subjectAltName(['dns', 'gateway'])],
  }).der;
  const rules = { networks: ['10.1.0.0/16'], secrets: [secret], certificates: ['gateway'] };
  const right: Caller = { remoteAddress: '10.1.0.1', sent: secret, authorized: true, raw };
  expect(isCaller(rules, right)).toBe(true);
  for (const wrong of [{ remoteAddress: '10.2.0.1' }, { sent: 'x' }, { authorized: false }]) {
    expect(isCaller(rules, { ...right, ...wrong })).toBe(false);
  }
});
