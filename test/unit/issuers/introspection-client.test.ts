import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createIntrospector,
  type IntrospectorSettings,
} from '../../../src/issuers/introspection-client.ts';
import {
  type Answer,
  answerJson,
  answerLater,
  answerStatus,
  answerText,
  createTestClock,
  createTestLog,
  reset,
  startProvider,
} from './provider.ts';

const start = 1_800_000_000_000;
const seconds = start / 1000;
let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
beforeEach(() => provider.reset());
afterAll(() => provider.stop());

function open(answer: Answer, settings: Partial<IntrospectorSettings> = {}) {
  provider.set('/introspect', answer);
  const [clock, log] = [createTestClock(start), createTestLog()];
  const introspector = createIntrospector({
    endpoint: `${provider.origin}/introspect`,
    clientId: 'countersign',
    clientSecret: 's3cret-word',
    now: clock.now,
    log,
    ...settings,
  });
  return {
    clock,
    log,
    ask: (token = 'opaque-token') => introspector.introspect(token),
    introspector,
  };
}

const active = (members: object = {}) => answerJson({ active: true, sub: 'alice', ...members });

describe('the question', () => {
  it('is a form with the token, and the client as RFC 6749 §2.3.1 writes it', async () => {
    const seen: unknown[] = [];
    const { ask } = open(
      (request, response) => {
        const { authorization, accept, 'content-type': type } = request.headers;
        seen.push(request.method, authorization, accept, type);
        request.on('data', (chunk) => seen.push(String(chunk)));
        request.on('end', () => response.end('{"active":false}'));
      },
      { clientId: 'my client', clientSecret: 'a:b&%é' },
    );
    await ask('tok/en+=');
    expect(seen).toEqual([
      'POST',
      `Basic ${Buffer.from('my+client:a%3Ab%26%25%C3%A9').toString('base64')}`,
      'application/json',
      'application/x-www-form-urlencoded;charset=UTF-8',
      'token=tok%2Fen%2B%3D&token_type_hint=access_token',
    ]);
  });
});

describe('the counts', () => {
  it('are of questions that were asked, not of answers that were known, and of failures', async () => {
    const { ask, introspector } = open(active());
    await ask();
    await ask();
    expect(introspector.counts()).toEqual({ asked: 1, failed: 0 });
    provider.set('/introspect', answerStatus(500));
    await ask('another');
    expect(introspector.counts()).toEqual({ asked: 2, failed: 1 });
  });
});

describe('an active token', () => {
  it('gives its claims without `active`, to be believed for a minute', async () => {
    const { ask } = open(active({ exp: seconds + 3600, scope: 'a b' }));
    expect(await ask()).toEqual({
      claims: { sub: 'alice', exp: seconds + 3600, scope: 'a b' },
      reusableUntil: start + 60_000,
    });
  });

  it('is never believed past its end', async () => {
    const { ask, clock } = open(active({ exp: seconds + 20 }));
    expect(await ask()).toMatchObject({ reusableUntil: start + 20_000 });
    clock.advance(20_000);
    expect(await ask()).toBe('inactive');
    expect(provider.requests).toHaveLength(2);
  });

  it('keeps integers that JavaScript numbers cannot hold', async () => {
    const { ask } = open(answerText('{"active":true,"account":12345678901234567890}'));
    expect(await ask()).toMatchObject({ claims: { account: 12345678901234567890n } });
  });

  it.each<[string, object, Partial<IntrospectorSettings>?]>([
    ['without exp', {}],
    ['with nbf a few seconds ahead', { nbf: seconds + 5 }],
    [
      'of the configured issuer',
      { iss: 'https://idp.example.com' },
      { issuer: 'https://idp.example.com' },
    ],
    ['for the configured audience', { aud: 'orders' }, { audiences: ['orders'] }],
    ['for one of several audiences', { aud: ['x', 'orders'] }, { audiences: ['y', 'orders'] }],
  ])('%s is active', async (_name, members, settings = {}) => {
    const { ask } = open(active(members), settings);
    expect(await ask()).toMatchObject({ claims: { sub: 'alice' } });
  });

  it.each<[string, object, Partial<IntrospectorSettings>?]>([
    ['says so', { active: false }],
    ['has expired', { exp: seconds }],
    ['is not valid yet', { nbf: seconds + 6 }],
    [
      'is of another issuer',
      { iss: 'https://evil.example.com' },
      { issuer: 'https://idp.example.com' },
    ],
    ['names no issuer', {}, { issuer: 'https://idp.example.com' }],
    ['is for another audience', { aud: ['x', 7] }, { audiences: ['orders'] }],
    ['is for no audience', {}, { audiences: ['orders'] }],
    ['is for an audience in an object', { aud: { orders: true } }, { audiences: ['orders'] }],
  ])('is inactive when the answer %s', async (_name, members, settings = {}) => {
    const { ask } = open(active(members), settings);
    expect(await ask()).toBe('inactive');
  });
});

describe('an answer that is none', () => {
  it.each<[string, Answer]>([
    ['an error of the server', answerStatus(500)],
    ['a refused client', answerStatus(401, { 'www-authenticate': 'Basic' })],
    ['a redirect', answerStatus(307, { location: '/elsewhere' })],
    ['a reset connection', reset],
    ['no `active`', answerJson({ sub: 'alice' })],
    ['`active` as text', answerJson({ active: 'true' })],
    ['`active` as a number', answerJson({ active: 1 })],
    ['a list', answerJson([{ active: true }])],
    ['no JSON', answerText('active=true')],
    ['`active` twice', answerText('{"active":false,"active":true}')],
    ['a member that names the prototype', answerText('{"active":true,"__proto__":{"admin":true}}')],
    ['very deep JSON', answerText(`{"active":true,"a":${'['.repeat(5000)}${']'.repeat(5000)}}`)],
    ['exp as text', active({ exp: '1900000000' })],
    ['exp as null', active({ exp: null })],
    ['exp beyond all numbers', answerText('{"active":true,"exp":1e999}')],
    ['exp as a long integer', answerText('{"active":true,"exp":12345678901234567890}')],
    ['nbf as text', active({ nbf: '1' })],
    ['more than 64 KiB', active({ pad: 'x'.repeat(65_536) })],
  ])('is a fault of the issuer: %s', async (_name, answer) => {
    const { ask, log } = open(answer);
    expect(await ask()).toBe('issuer_unavailable');
    expect(log.lines).toHaveLength(1);
    expect(log.lines.join()).not.toMatch(/opaque-token|s3cret-word|Basic/);
  });

  it('is not remembered', async () => {
    const { ask } = open(answerStatus(503));
    expect(await ask()).toBe('issuer_unavailable');
    provider.set('/introspect', active());
    expect(await ask()).toMatchObject({ claims: { sub: 'alice' } });
  });

  it('is logged once a minute for each reason', async () => {
    const { ask, log, clock } = open(answerStatus(503));
    for (let i = 0; i < 5; i++) await ask();
    expect(log.lines).toHaveLength(1);
    provider.set('/introspect', answerStatus(502));
    await ask();
    expect(log.lines).toHaveLength(2);
    clock.advance(60_000);
    await ask();
    expect(log.lines).toHaveLength(3);
  });
});

describe('answers', () => {
  it('are remembered for a minute, by token', async () => {
    const { ask, clock } = open(active());
    await ask();
    clock.advance(59_999);
    expect(await ask()).toMatchObject({ reusableUntil: start + 60_000 });
    expect(provider.requests).toHaveLength(1);
    await ask('another-token');
    expect(provider.requests).toHaveLength(2);
    clock.advance(1);
    await ask();
    expect(provider.requests).toHaveLength(3);
  });

  it('are remembered for 10 seconds when inactive', async () => {
    const { ask, clock } = open(answerJson({ active: false }));
    await ask();
    clock.advance(9_999);
    provider.set('/introspect', active());
    expect(await ask()).toBe('inactive');
    clock.advance(1);
    expect(await ask()).toMatchObject({ claims: { sub: 'alice' } });
  });

  it('are asked for again when the clock was set back', async () => {
    const { ask, clock } = open(active());
    await ask();
    clock.advance(-1);
    provider.set('/introspect', answerJson({ active: false }));
    expect(await ask()).toBe('inactive');
  });

  it('are shared by all who ask about one token at the same time', async () => {
    const later = answerLater(active());
    const { ask } = open(later.answer);
    const asking = Promise.all([ask(), ask(), ask()]);
    while (provider.requests.length === 0) await new Promise(setImmediate);
    later.release();
    expect(await asking).toEqual(
      Array(3).fill(expect.objectContaining({ claims: { sub: 'alice' } })),
    );
    expect(provider.requests).toHaveLength(1);
  });

  it('are waited for by 64 tokens at most; more are turned away at once', async () => {
    const later = answerLater(active());
    const { ask } = open(later.answer);
    const asking = Promise.all(Array.from({ length: 64 }, (_, i) => ask(`token-${i}`)));
    expect(await ask('one too many')).toBe('issuer_unavailable');
    while (provider.requests.length < 64) await new Promise(setImmediate);
    later.release();
    expect(await asking).toHaveLength(64);
    expect(new Set((await asking).map((answer) => typeof answer))).toEqual(new Set(['object']));
    provider.set('/introspect', active());
    expect(await ask('one more')).toMatchObject({ claims: { sub: 'alice' } });
  });
});
