import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { createIssuerKeys, type RefreshedIssuerKeys } from '../../../src/issuers/issuer-keys.ts';
import { nextDelayMs } from '../../../src/issuers/refresher.ts';
import {
  answerJson,
  answerLater,
  answerStatus,
  createTestClock,
  createTestLog,
  createTestTimers,
  hang,
  identify,
  makeJwk,
  reset,
  startProvider,
} from './provider.ts';

const minute = 60_000;
const hour = 60 * minute;
const [a, b, c] = [makeJwk({ kid: 'a' }), makeJwk({ kid: 'b' }), makeJwk({ kid: 'c' })];

let provider: Awaited<ReturnType<typeof startProvider>>;
let opened: RefreshedIssuerKeys[] = [];
beforeAll(async () => {
  provider = await startProvider();
});
beforeEach(() => provider.reset());
afterEach(() => {
  for (const keys of opened) keys.close();
  opened = [];
});
afterAll(() => provider.stop());

function open(settings: { readonly jwksUri?: string } = { jwksUri: `${provider.origin}/jwks` }) {
  const [clock, timers, log, onChange] = [
    createTestClock(),
    createTestTimers(),
    createTestLog(),
    jest.fn(),
  ];
  const issuer = provider.origin;
  const { now } = clock;
  const keys = createIssuerKeys({
    issuer,
    algorithms: ['ES256', 'RS256'],
    now,
    timers,
    log,
    onChange,
    ...settings,
  });
  opened.push(keys);
  const find = async (kid: string | undefined, alg = 'ES256') =>
    identify(await keys.find({ alg, kid }));
  /** The refresh that is due in the background. */
  const refresh = async () => {
    timers.fire();
    await keys.start();
  };
  return { keys, clock, timers, log, onChange, find, refresh };
}

function publish(...keys: readonly object[]) {
  provider.set('/jwks', answerJson({ keys }));
}

describe('the keys of an issuer', () => {
  it('are found without waiting once they are loaded', async () => {
    publish(a);
    const { keys, onChange } = open();
    await keys.start();
    expect(identify(keys.find({ alg: 'ES256', kid: 'a' }))).toBe(a['x']);
    expect(keys.find({ alg: 'RS256', kid: 'a' })).toBe('unknown_key');
    expect(keys.state()).toMatchObject({ usableKeys: 1, failures: 0, lastFailure: undefined });
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  it('are waited for while the first load runs', async () => {
    const later = answerLater(answerJson({ keys: [a] }));
    provider.set('/jwks', later.answer);
    const { keys, find } = open();
    const started = keys.start();
    const finding = Promise.all([find('a'), find('x'), find(undefined)]);
    while (provider.requests.length === 0) await new Promise(setImmediate);
    later.release();
    await started;
    expect(await finding).toEqual([a['x'], 'unknown_key', a['x']]);
    expect(provider.requests).toEqual(['/jwks']);
  });

  it('are unavailable after 2 seconds of waiting for the first load', async () => {
    provider.set('/jwks', hang);
    const { keys, find, timers } = open();
    const started = keys.start();
    const finding = find('a');
    expect(timers.pending.map(({ ms }) => ms)).toEqual([2_000]);
    timers.fire();
    await started;
    expect(await finding).toBe('issuer_unavailable');
  });

  it('change with a refresh in the background: a removed key is refused', async () => {
    publish(a, b);
    const { keys, find, refresh, onChange } = open();
    await keys.start();
    publish(b, c);
    await refresh();
    expect([await find('a'), await find('b'), await find('c')]).toEqual([
      'unknown_key',
      b['x'],
      c['x'],
    ]);
    expect(onChange).toHaveBeenCalledTimes(2);
  });

  it('can all be withdrawn', async () => {
    publish(a);
    const { keys, find, refresh, onChange, log } = open();
    await keys.start();
    publish();
    await refresh();
    expect(await find('a')).toBe('unknown_key');
    expect(onChange).toHaveBeenCalledTimes(2);
    expect(log.lines.at(-1)).toMatch(/^warn the keys of an issuer changed.*"usable":0/);
  });

  it('do not count as changed when the same keys come again', async () => {
    publish(a, b);
    const { keys, refresh, onChange, log } = open();
    await keys.start();
    publish(b, { ...a, x5t: 'AAAA' });
    await refresh();
    expect(onChange).toHaveBeenCalledTimes(1);
    expect(log.lines).toHaveLength(1);
  });

  it('are reported when the issuer publishes a private one', async () => {
    publish(a, { ...b, d: 'c2VjcmV0' });
    const { keys, log, find } = open();
    await keys.start();
    expect(log.lines).toEqual([expect.stringMatching(/^warn .*keys\[1\]: it holds private/)]);
    expect(log.lines.join()).not.toContain('c2VjcmV0');
    expect(await find('b')).toBe('unknown_key');
  });

  it('go on serving after close, without another request', async () => {
    publish(a);
    const { keys, find, timers, clock } = open();
    await keys.start();
    keys.close();
    clock.advance(minute);
    expect([await find('a'), await find('b')]).toEqual([a['x'], 'unknown_key']);
    expect(timers.pending).toEqual([]);
    expect(provider.requests).toEqual(['/jwks']);
  });
});

describe('an unknown key id', () => {
  it('causes one request, however many ask', async () => {
    publish(a);
    const { keys, find, clock, timers } = open();
    await keys.start();
    clock.advance(minute);
    publish(a, b);
    const storm = Array.from({ length: 200 }, (_, i) => find(i === 0 ? 'b' : `kid-${i}`));
    const [found, ...others] = await Promise.all(storm);
    expect(found).toBe(b['x']);
    expect(new Set(others)).toEqual(new Set(['unknown_key']));
    expect(timers.pending).toHaveLength(1);
    expect(provider.requests).toEqual(['/jwks', '/jwks']);
  });

  it('causes no request within 30 seconds of the last one', async () => {
    publish(a);
    const { keys, find, clock } = open();
    await keys.start();
    publish(a, b, c);
    clock.advance(29_999);
    expect(await find('b')).toBe('unknown_key');
    expect(provider.requests).toHaveLength(1);
    clock.advance(1);
    expect(await find('b')).toBe(b['x']);
    expect(provider.requests).toHaveLength(2);
  });

  it('causes no second request within 2 minutes, while another one does', async () => {
    publish(a);
    const { keys, find, clock } = open();
    await keys.start();
    clock.advance(minute);
    await find('x');
    clock.advance(minute);
    await find('x');
    expect(provider.requests).toHaveLength(2);
    await find('y');
    expect(provider.requests).toHaveLength(3);
    clock.advance(minute);
    await find('x');
    expect(provider.requests).toHaveLength(4);
  });

  it('is not held up by a clock that was set back', async () => {
    publish(a);
    const { keys, find, clock } = open();
    await keys.start();
    clock.advance(-hour);
    publish(a, b);
    expect(await find('b')).toBe(b['x']);
  });

  it.each<[string, string | undefined, string]>([
    ['a key id of more than 256 characters', 'k'.repeat(257), 'ES256'],
    ['an algorithm that is not accepted', 'x', 'HS256'],
    ['the algorithm none', 'x', 'none'],
    ['no key id', undefined, 'RS256'],
    ['a known key id with another algorithm', 'a', 'RS256'],
  ])('is refused without a request for %s', async (_name, kid, alg) => {
    publish(a, b);
    const { keys, clock } = open();
    await keys.start();
    clock.advance(minute);
    expect(keys.find({ alg, kid })).toBe('unknown_key');
    expect(provider.requests).toHaveLength(1);
  });
});

describe('an issuer that is down', () => {
  it('leaves the last good set, and comes back without a restart', async () => {
    publish(a);
    const { keys, find, refresh, clock, log, timers, onChange } = open();
    await keys.start();
    clock.advance(10 * minute);
    for (const answer of [
      reset,
      answerStatus(500),
      answerStatus(500),
      answerJson({ keys: 'none' }),
    ]) {
      provider.set('/jwks', answer);
      await refresh();
      expect([await find('a'), await find('b')]).toEqual([a['x'], 'unknown_key']);
      expect(timers.pending[0]?.ms).toBeLessThanOrEqual(minute);
    }
    expect(keys.state()).toMatchObject({ usableKeys: 1, failures: 4 });
    publish(a, b);
    await refresh();
    expect(await find('b')).toBe(b['x']);
    expect(keys.state()).toMatchObject({ usableKeys: 2, failures: 0, lastFailure: undefined });
    expect(onChange).toHaveBeenCalledTimes(2);
    // A reason that repeats is logged once.
    expect(log.lines.map((line) => line.split(' {')[0])).toEqual([
      'info the keys of an issuer changed',
      ...Array(3).fill('warn the keys of an issuer cannot be fetched'),
      'info the keys of an issuer are there again',
      'info the keys of an issuer changed',
    ]);
  });

  it('is asked about an unknown key id again when it is back', async () => {
    publish(a);
    const { keys, find, clock } = open();
    await keys.start();
    clock.advance(minute);
    provider.set('/jwks', reset);
    expect(await find('b')).toBe('unknown_key');
    publish(a, b);
    clock.advance(30_000);
    expect(await find('b')).toBe(b['x']);
  });

  it('is unavailable at once, without a request, when it was never reached', async () => {
    provider.set('/jwks', answerStatus(503));
    const { keys, find, refresh, clock, onChange } = open();
    await keys.start();
    clock.advance(minute);
    expect(keys.find({ alg: 'ES256', kid: 'a' })).toBe('issuer_unavailable');
    expect(provider.requests).toHaveLength(1);
    publish(a);
    expect(onChange).not.toHaveBeenCalled();
    await refresh();
    expect(await find('a')).toBe(a['x']);
  });

  it('is unavailable when the last good set is older than a day', async () => {
    publish(a);
    const { keys, find, refresh, clock, onChange } = open();
    await keys.start();
    provider.set('/jwks', answerStatus(503));
    await refresh();
    clock.advance(24 * hour);
    expect(await find('a')).toBe(a['x']);
    clock.advance(1);
    expect(await find('a')).toBe('issuer_unavailable');
    expect(onChange).toHaveBeenCalledTimes(2);
    publish(a);
    await refresh();
    expect(await find('a')).toBe(a['x']);
  });

  it('is asked at once when the set is old only because the clock jumped', async () => {
    publish(a);
    const { keys, find, clock } = open();
    await keys.start();
    clock.advance(365 * 24 * hour);
    expect(await find('a')).toBe(a['x']);
  });
});

describe('the next refresh', () => {
  beforeEach(() => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([
    [undefined, 10 * minute],
    [120, 2 * minute],
    [0, minute],
    [86_400, 10 * minute],
  ])('after a max-age of %s seconds comes in %s ms', (maxAgeSeconds, ms) => {
    expect(nextDelayMs({ ok: true, maxAgeSeconds }, 0)).toBe(ms);
  });

  it('comes later with every failure, up to 30 seconds, while there is nothing', () => {
    const delays = [1, 2, 3, 4, 5, 6, 2000].map((n) =>
      nextDelayMs({ ok: false, usable: 'nothing' }, n),
    );
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('comes up to a tenth early', () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(nextDelayMs({ ok: true, maxAgeSeconds: undefined }, 0)).toBe(9.5 * minute);
  });

  it('honours Cache-Control', async () => {
    provider.set('/jwks', answerJson({ keys: [a] }, { 'cache-control': 'max-age=90' }));
    const { keys, timers } = open();
    await keys.start();
    expect(timers.pending.map(({ ms }) => ms)).toEqual([90_000]);
  });
});

describe('keys that discovery finds', () => {
  const openId = '/.well-known/openid-configuration';
  const describeIssuer = (path: string) =>
    provider.set(
      openId,
      answerJson({ issuer: provider.origin, jwks_uri: `${provider.origin}${path}` }),
    );

  it('are looked for again after an hour, and not before', async () => {
    describeIssuer('/jwks');
    publish(a);
    const { keys, find, refresh, clock } = open({});
    await keys.start();
    await refresh();
    expect(provider.requests).toEqual([openId, '/jwks', '/jwks']);
    clock.advance(hour);
    await refresh();
    expect(provider.requests.slice(3)).toEqual([openId, '/jwks']);
    expect(await find('a')).toBe(a['x']);
  });

  it('are looked for again when they are no longer where they were', async () => {
    describeIssuer('/jwks');
    publish(a);
    const { keys, find, refresh } = open({});
    await keys.start();
    describeIssuer('/moved');
    provider.set('/jwks', answerStatus(404));
    provider.set('/moved', answerJson({ keys: [b] }));
    await refresh();
    expect(await find('a')).toBe(a['x']);
    await refresh();
    expect([await find('a'), await find('b')]).toEqual(['unknown_key', b['x']]);
  });

  it('are not taken from metadata of another issuer', async () => {
    provider.set(
      openId,
      answerJson({ issuer: 'https://evil.example.com', jwks_uri: `${provider.origin}/jwks` }),
    );
    publish(a);
    const { keys, find } = open({});
    await keys.start();
    expect(await find('a')).toBe('issuer_unavailable');
    expect(provider.requests).not.toContain('/jwks');
    expect(keys.state().lastFailure).toContain('it names another issuer');
  });
});
