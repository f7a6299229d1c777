import { describe, expect, it } from '@jest/globals';
import { hashSync } from '@node-rs/bcrypt';
import { createBasicMethod } from '../../../../../src/exchange/credentials/basic/basic.ts';
import { parseHtpasswd } from '../../../../../src/exchange/credentials/basic/htpasswd.ts';
import {
  createPasswordChecks,
  type PasswordChecks,
} from '../../../../../src/exchange/credentials/basic/password-check.ts';
import { refuse } from '../../../../../src/exchange/refusals.ts';
import { requestWith } from '../request-with.ts';

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
const request = requestWith({});
const htpasswd = parseHtpasswd(
  `alice:${hashSync('open:sesame', { cost: 4 })}\nbob:${hashSync('b', { cost: 4 })}\n`,
);
const alice = {
  clientId: 'alice',
  subject: 'alice',
  claims: {},
  credential: { type: 'basic', username: 'alice' },
  expiresAt: Infinity,
  reusableUntil: Infinity,
};

describe('createBasicMethod', () => {
  const trusting = createBasicMethod({ trusted: true });
  const verifying = createBasicMethod({ htpasswd, checks: createPasswordChecks({ now: () => 0 }) });

  it('says whether it trusts the gateway', () => {
    expect(trusting).toMatchObject({ kind: 'basic', trusted: true });
    expect(verifying).toMatchObject({ kind: 'basic', trusted: false });
  });

  it('finds only Authorization headers with its scheme', () => {
    const find = (authorization: string) =>
      trusting.find(requestWith({ headers: { authorization } }));
    expect(find('basic YTpi')).toBe('basic YTpi');
    expect(find('Basic')).toBe('Basic');
    expect(find('Bearer YTpi')).toBeUndefined();
    expect(trusting.find(requestWith({ headers: { 'proxy-authorization': 'Basic YTpi' } }))).toBe(
      undefined,
    );
  });

  it('names the user whom the gateway verified', async () => {
    expect(await trusting.identify(basic('alice:anything'), request)).toEqual(alice);
  });

  it('names a user with the right password, which may contain a colon', async () => {
    expect(await verifying.identify(basic('alice:open:sesame'), request)).toEqual(alice);
  });

  it.each([
    ['a wrong password', 'alice:open'],
    ['the password of another', 'alice:b'],
    ['an unknown user', 'carol:open:sesame'],
    ['another spelling of the name', 'Alice:open:sesame'],
    ['an empty password', 'alice:'],
    ['a member of every object', 'constructor:x'],
  ])('refuses %s, and tells no difference', async (_what, pair) => {
    expect(await verifying.identify(basic(pair), request)).toEqual(refuse('wrong_password'));
  });

  it.each(['Basic', 'Basic !', basic(':x'), basic('a\0:x'), basic('no colon')])(
    'refuses %j as malformed in both modes',
    async (value) => {
      expect(await trusting.identify(value, request)).toEqual(refuse('malformed_credential'));
      expect(await verifying.identify(value, request)).toEqual(refuse('malformed_credential'));
    },
  );

  it('checks an unknown user against a hash of the same cost, and refuses even if that matched', async () => {
    const asked: string[] = [];
    const checks: PasswordChecks = {
      check: async (hash) => {
        asked.push(hash);
        return true;
      },
    };
    const method = createBasicMethod({ htpasswd, checks });
    expect(await method.identify(basic('carol:x'), request)).toEqual(refuse('wrong_password'));
    expect(asked).toEqual([expect.stringMatching(/^\$2b\$04\$.{53}$/)]);
    expect([...htpasswd.values()]).not.toContain(asked[0]);
  });

  it('says overloaded when there are too many checks, for known and unknown users', async () => {
    const checks: PasswordChecks = { check: async () => 'overloaded' };
    const method = createBasicMethod({ htpasswd, checks });
    expect(await method.identify(basic('alice:x'), request)).toEqual(refuse('overloaded'));
    expect(await method.identify(basic('carol:x'), request)).toEqual(refuse('overloaded'));
  });

  it('lets nobody in when the file has no users', async () => {
    const checks: PasswordChecks = { check: async () => true };
    const method = createBasicMethod({ htpasswd: new Map(), checks });
    expect(await method.identify(basic('alice:x'), request)).toEqual(refuse('wrong_password'));
  });
});
