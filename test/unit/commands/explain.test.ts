import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { run } from '../../../src/commands/explain.ts';
import { issueAuthority, issueCertificate, name } from '../../support/certificates.ts';
import { basic, endAll, freshDirectory, writeFiles } from '../../support/process.ts';
import { now, runWith } from './io.ts';

afterAll(endAll);

const directory = freshDirectory();
const file = join(directory, 'countersign.yaml');
const authority = issueAuthority({ subject: name({ CN: 'CA' }) });
const leaf = issueCertificate({ subject: name({ CN: 'client-1' }) }, authority);
writeFiles(directory, {
  'countersign.yaml': `
issuer: https://countersign.example.com
gateways: { kong: {}, edge: { profile: nginx, client_certificate: true } }
credentials: [{ basic: { trust: gateway } }, { client_certificate: { trust: gateway } }]
token:
  upstream_hosts: any
  claims: { tenant: 'request.headers["x-tenant"]', asked: '[request.method, request.path]' }
keys: { algorithm: ES256 }
`,
  'one.yaml': `
issuer: https://countersign.example.com
gateways: { caddy: {} }
credentials: [{ api_key: { trust: gateway } }]
token: { audience: backend }
keys: { algorithm: ES256 }
`,
  'bad.yaml': 'issuer: nonsense\n',
  'chain.pem': leaf.pem + authority.pem,
  'key.pem': String(leaf.privateKey.export({ type: 'pkcs8', format: 'pem' })),
});
const at = (path: string) => join(directory, path);
const alice = `Authorization: ${basic('alice', 'canary-password')}`;
const url = 'https://api.example.com/orders';
const explained = (args: readonly string[], stdin = '', config = file) =>
  runWith(run, ['--config', config, ...args], { stdin });
const json = async (args: readonly string[], stdin?: string, config?: string) => {
  const { code, out, err } = await explained(['--json', ...args], stdin, config);
  return { code, err, told: JSON.parse(out) };
};

describe('explain', () => {
  it('answers 0 to what is allowed, and tells it in order', async () => {
    const { code, out, err } = await explained(['--gateway', 'edge', '-H', alice, 'PUT', url]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const titles = [...out.matchAll(/^(\w.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual([
      'Call of edge, as nginx sends it',
      'Request, as it is read',
      'Credential',
      'Route',
      'Claims before (the gateway vouches for them)',
      expect.stringMatching(/^Claims after \(ES256, kid [\w-]{43}\)$/),
      'Answer',
      'Decision',
      'Notes',
    ]);
    expect(out).toContain('  asked: ["PUT","/orders"]\n');
    expect(out).toContain(`  iat: ${now / 1000}  (2027-01-15T08:00:00.000Z, in 0 seconds)\n`);
    expect(out).toContain('\n  allowed: alice by basic, on default_route\n');
    expect(out).not.toContain('canary');
  });

  it('answers 1 to what is refused, with the reason', async () => {
    const { code, out } = await explained(['--gateway', 'edge', url]);
    expect(code).toBe(1);
    expect(out).toMatch(/\nAnswer\n {2}401\n[\s\S]*\nDecision\n {2}refused: no_credential\n/);
  });

  it('takes the only gateway, and GET, unless told otherwise', async () => {
    const { code, told } = await json(['-H', 'apikey: a-long-key', url], '', at('one.yaml'));
    expect(code).toBe(0);
    expect(told).toMatchObject({ gateway: { name: 'caddy' }, request: { method: 'GET' } });
  });

  it('reads headers from standard input, where nobody else sees them', async () => {
    const stdin = `${alice}\r\nX-Tenant: acme\n`;
    const { told } = await json(['--gateway', 'edge', '-H', '-', url], stdin);
    expect(told).toMatchObject({
      decision: { allowed: true, client_id: 'alice' },
      claims: { after: { tenant: 'acme' } },
    });
  });

  it('takes the Host header for the host, as gateways do', async () => {
    const { told } = await json(['--gateway', 'edge', '-H', alice, '-H', 'host: x.test', url]);
    expect(told.claims.after.aud).toBe('https://x.test');
  });

  it('sends the bytes of UTF-8, as clients do', async () => {
    const { told } = await json(['--gateway', 'edge', '-H', alice, '-H', 'X-Tenant:  é ', url]);
    expect(told.claims.after.tenant).toBe('Ã©');
  });

  it('passes a certificate on, and not the key beside it', async () => {
    const { told } = await json(['--gateway', 'edge', '--cert', at('chain.pem'), url]);
    expect(told.decision).toMatchObject({ client_id: 'CN=client-1' });
    const none = await explained(['--gateway', 'edge', '--cert', at('key.pem'), url]);
    expect(none).toMatchObject({ code: 1, err: `${at('key.pem')} holds no certificate in PEM\n` });
  });

  it('has Kong state a consumer and the URL of the Service', async () => {
    const kong = ['--gateway', 'kong', '-H', alice, '--upstream-url', 'http://orders:80/x', url];
    const plain = await json(['--consumer', 'c-1', ...kong]);
    expect(plain.told.claims.after).toMatchObject({
      aud: 'http://orders/x',
      act: { client_id: 'c-1' },
    });
    const named = await json(['--consumer', 'id=c-1', '--consumer', 'custom_id=a=b', ...kong]);
    expect(named.told.claims.after).toMatchObject({ act: { client_id: 'a=b' } });
    const anonymous = await json(['--consumer', 'anonymous', ...kong]);
    expect(anonymous).toMatchObject({
      code: 1,
      told: { decision: { reason: 'anonymous_consumer' } },
    });
  });

  it.each([
    [[], 'Give a method and a URL'],
    [['GET', url, url], 'Give a method and a URL'],
    [['/orders'], 'Give the URL that the client asks for'],
    [['ftp://x/y'], 'Give the URL that the client asks for'],
    [['https://x/a b'], 'Write the URL without spaces'],
    [['G T', url], 'The method is none'],
    [['CONNECT', url], 'CONNECT asks for a tunnel'],
    [['-H', 'canary', url], 'Write headers as'],
    [['-H', 'Bad Name: canary', url], 'Write headers as'],
    [['-H', 'X-A: canary\nX-B: canary', url], 'The value of X-A has a control character'],
    [['-H', 'Host: a', '-H', 'host: b', url], 'Give one Host header'],
    [['--consumer', 'c', url], '--consumer and --upstream-url are what only Kong states'],
    [['--upstream-url', 'http://x', url], '--consumer and --upstream-url are what only Kong'],
    [['--cert', at('chain.pem'), 'http://x/'], '--cert needs an https URL'],
    [['--gateway', 'nope', url], 'Give the --gateway, one of: kong, edge'],
    [['--nope', url], "Unknown option '--nope'"],
  ])('answers 2 to %j, and quotes no value', async (args, says) => {
    const { code, out, err } = await explained(['--gateway', 'edge', ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(says);
    expect(err).toMatch(/\nUsage: countersign explain /);
    expect(err).not.toContain('canary');
  });

  it('needs to know which of several gateways, and how a consumer is written', async () => {
    expect(await explained([url])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^Give the --gateway, one of: kong, edge\n/),
    });
    expect(await explained(['--gateway', 'kong', '--consumer', 'name=x', url])).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^A consumer has id, custom_id, username, credential_identifier\n/,
      ),
    });
  });

  it('answers 78 to a configuration that cannot be used', async () => {
    const bad = await explained([url], '', at('bad.yaml'));
    expect(bad).toMatchObject({
      code: 78,
      out: '',
      err: expect.stringMatching(/bad\.yaml:1: issuer/),
    });
  });
});
