import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { refuse } from '../../../src/exchange/refusals.ts';
import { createReuseCache, type Kept, reuseKey } from '../../../src/exchange/reuse.ts';
import type { ReuseRules } from '../../../src/exchange/route.ts';
import type { Allowed, OriginalRequest } from '../../../src/exchange/types.ts';

const allowed = (jti: string) => ({ allowed: true, token: { jwt: 'a.b.c', jti } }) as Allowed;
const key = (index: string, credential = 'c') => ({ index, credential });
const cache = () => createReuseCache({ maxEntries: 10, maxBytes: 100_000 });

describe('the reuse cache', () => {
  it('hands a token out until its time, and no longer', async () => {
    const reuse = cache();
    const decision = allowed('1');
    await reuse.share(key('k'), async () => ({ decision, until: 1000 }));
    expect(reuse.get(key('k'), 999)).toBe(decision);
    expect(reuse.get(key('k'), 1000)).toBeUndefined();
    expect(reuse.get(key('other'), 0)).toBeUndefined();
  });

  it('decides once for identical requests in flight', async () => {
    const reuse = cache();
    let decided = 0;
    const decide = async (): Promise<Kept> => {
      await new Promise(setImmediate);
      return { decision: allowed(String(++decided)), until: 1000 };
    };
    expect(reuse.inFlight(key('k'))).toBeUndefined();
    const first = reuse.share(key('k'), decide);
    expect(reuse.inFlight(key('k'))).toBe(first);
    await first;
    expect(reuse.inFlight(key('k'))).toBeUndefined();
    expect(decided).toBe(1);
  });

  it('keeps no refusal, and shares none with a later request', async () => {
    const reuse = cache();
    const no = refuse('invalid_token');
    expect(await reuse.share(key('k'), async () => ({ decision: no, until: 1000 }))).toBe(no);
    expect(reuse.get(key('k'), 0)).toBeUndefined();
    const yes = allowed('2');
    expect(await reuse.share(key('k'), async () => ({ decision: yes, until: 1000 }))).toBe(yes);
  });

  it('forgets a decision that failed', async () => {
    const reuse = cache();
    await expect(
      reuse.share(key('k'), async () => {
        throw new Error('broken');
      }),
    ).rejects.toThrow('broken');
    const yes = allowed('1');
    expect(await reuse.share(key('k'), async () => ({ decision: yes, until: 1000 }))).toBe(yes);
  });

  it('keeps nothing that began before it was cleared, and does not share it either', async () => {
    const reuse = cache();
    let release = () => {};
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const old = reuse.share(key('k'), async () => {
      await blocked;
      return { decision: allowed('old'), until: 1000 };
    });
    reuse.clear();
    const fresh = reuse.share(key('k'), async () => ({ decision: allowed('new'), until: 1000 }));
    release();
    await Promise.all([old, fresh]);
    expect(reuse.get(key('k'), 0)?.token.jti).toBe('new');
  });

  it('never hands out a token that was revoked, however many were', async () => {
    const reuse = createReuseCache({ maxEntries: 5000, maxBytes: 1e9 });
    const keep = (n: number, jti = `t${n}`) =>
      reuse.share(key(`k${n}`), async () => ({ decision: allowed(jti), until: 1000 }));
    for (let n = 0; n < 2500; n++) await keep(n);
    for (let n = 0; n < 2500; n += 2) {
      reuse.revoke(`t${n}`);
      expect(reuse.get(key(`k${n}`), 0)).toBeUndefined();
    }
    for (let n = 0; n < 2500; n++)
      expect(reuse.get(key(`k${n}`), 0) === undefined).toBe(n % 2 === 0);
    await keep(2400, 'new');
    expect(reuse.get(key('k2400'), 0)?.token.jti).toBe('new');
  });

  it('stays within its bounds', async () => {
    const reuse = cache();
    for (let n = 0; n < 100; n++) {
      await reuse.share(key(`k${n}`), async () => ({ decision: allowed(`${n}`), until: 1000 }));
    }
    const kept = Array.from({ length: 100 }, (_, n) => reuse.get(key(`k${n}`), 0)).filter(Boolean);
    expect(kept.length).toBeLessThanOrEqual(10);
    const small = createReuseCache({ maxEntries: 10, maxBytes: 500 });
    await small.share(key('k'), async () => ({ decision: allowed('1'), until: 1000 }));
    expect(small.get(key('k'), 0)).toBeUndefined();
  });

  it('tells credentials with the same index apart, kept and in flight', async () => {
    const reuse = cache();
    const [one, two] = [allowed('1'), allowed('2')];
    const keep = (credential: string, decision: Allowed) =>
      reuse.share(key('k', credential), async () => ({ decision, until: 1000 }));
    const running = [keep('a', one), keep('b', two)];
    expect(reuse.inFlight(key('k', 'a'))).toBeUndefined();
    expect(reuse.inFlight(key('k', 'b'))).toBe(running[1]);
    expect(await Promise.all(running)).toEqual([one, two]);
    expect(reuse.inFlight(key('k', 'b'))).toBeUndefined();
    expect(reuse.get(key('k', 'a'), 0)).toBeUndefined();
    expect(reuse.get(key('k', 'b'), 0)).toBe(two);
  });
});

describe('the reuse key', () => {
  const rules: ReuseRules = {
    routeIndex: 0,
    remaining: 0.5,
    method: true,
    host: true,
    scheme: true,
    path: true,
    query: true,
    headers: ['x-a', 'x-b'],
  };
  const request = (over: object = {}, headers: { [name: string]: string } = {}) =>
    ({
      gateway: 'nginx',
      method: 'GET',
      scheme: 'https',
      host: 'h',
      path: '/p',
      query: '',
      headers: { get: (name: string) => headers[name], all: () => headers },
      ...over,
    }) as unknown as OriginalRequest;
  const consumer = {
    id: 'i',
    custom_id: undefined,
    username: undefined,
    credential_identifier: undefined,
  };

  it.each<[string, OriginalRequest, string, string]>([
    ['gateway', request({ gateway: 'kong' }), 'bearer', 't'],
    ['credential', request(), 'bearer', 't2'],
    ['kind', request(), 'basic', 't'],
    ['host', request({ host: 'g' }), 'bearer', 't'],
    ['scheme', request({ scheme: 'http' }), 'bearer', 't'],
    ['method', request({ method: 'PUT' }), 'bearer', 't'],
    ['path', request({ path: '/q' }), 'bearer', 't'],
    ['query', request({ query: 'a' }), 'bearer', 't'],
    ['certificate', request({ certificate: 'c' }), 'bearer', 't'],
    ['upstream URL', request({ upstreamUrl: 'http://u' }), 'bearer', 't'],
    ['consumer', request({ consumer }), 'bearer', 't'],
    [
      'consumer by custom id',
      request({ consumer: { ...consumer, custom_id: 'i', id: undefined } }),
      'bearer',
      't',
    ],
    ['header', request({}, { 'x-a': '1' }), 'bearer', 't'],
    ['empty header', request({}, { 'x-a': '' }), 'bearer', 't'],
    ['other header', request({}, { 'x-b': '1' }), 'bearer', 't'],
  ])('differs by %s', (_name, other, kind, text) => {
    expect(reuseKey(rules, other, kind, text)).not.toEqual(
      reuseKey(rules, request(), 'bearer', 't'),
    );
  });

  it('differs by route', () => {
    const other = { ...rules, routeIndex: 1 };
    expect(reuseKey(other, request(), 'bearer', 't')).not.toEqual(
      reuseKey(rules, request(), 'bearer', 't'),
    );
  });

  it('is looked up by the end of a long token, and by the whole of any other credential', () => {
    const long = `${'a'.repeat(1000)}${'b'.repeat(100)}`;
    const { index, credential } = reuseKey(rules, request(), 'bearer', long);
    expect(credential).toBe(long);
    expect(index.length).toBeLessThan(150);
    expect(reuseKey(rules, request(), 'basic', long).index).toContain(long);
  });

  it('is the same only for the same values, whatever they hold', () => {
    const text = fc.string({
      unit: fc.constantFrom('0', '1', ':', ' ', '-', 'c', 'u'),
      maxLength: 6,
    });
    const values = fc.tuple(text, text, text, text, fc.option(text), fc.option(text));
    const key = ([a, b, c, d, e, f]: [
      string,
      string,
      string,
      string,
      string | null,
      string | null,
    ]) =>
      reuseKey(
        rules,
        request(
          { host: b, path: c, query: d, certificate: f ?? undefined },
          e === null ? {} : { 'x-a': e },
        ),
        'bearer',
        a,
      );
    fc.assert(
      fc.property(values, values, (one, two) => {
        const same = JSON.stringify(key(one)) === JSON.stringify(key(two));
        expect(same).toBe(JSON.stringify(one) === JSON.stringify(two));
      }),
      { numRuns: 2000 },
    );
  });
});
