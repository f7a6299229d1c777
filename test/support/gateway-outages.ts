import { expect, it } from '@jest/globals';
import { alice, ask, forgedToken, seenBy, tokensIn } from './gateway-client.ts';
import { forge, forgeries, statusByGateway } from './gateway-forgeries.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { startTraffic } from './gateway-traffic.ts';
import type { GatewayTraits } from './gateway-traits.ts';
import { basic, statusOf, until } from './process.ts';

/** Each gets a token of its own: no answer that came late is taken for the next one's. */
async function expectOpen(lab: GatewayLab): Promise<void> {
  for (const user of ['bob', 'carol', 'dave']) {
    const answer = await ask(lab, ['Authorization', basic(user, 'secret')]);
    expect(answer.status).toBe(200);
    expect(seenBy(answer).claims).toMatchObject({ client_id: user });
  }
}

/** Down, hanging, draining, restarted: closed each time, and open again by itself. */
export function testOutages(traits: GatewayTraits, lab: () => GatewayLab): void {
  const { statusWhenDown, statusWhenSlow = statusWhenDown } = traits;
  const spellings = [
    'X-Custom-Jwt',
    ...(traits.statusOfDots === undefined ? ['X.Custom.Jwt'] : []),
  ];

  it('stays closed while Countersign is down, and recovers by itself', async () => {
    const { backend } = lab();
    const before = backend.seen.length;
    await lab().stopCountersign();
    const answers = await Promise.all([
      ask(lab(), ['Authorization', alice]),
      ask(lab()),
      ...forgeries.map((forgery) => forge(lab(), forgery, 'nobody')),
      ...forgeries.map((forgery) => forge(lab(), forgery, 'alice')),
    ]);
    await lab().startCountersign();
    const forged = forgeries.map((forgery) => statusByGateway(traits, forgery) ?? statusWhenDown);
    expect(answers.map(({ status }) => status)).toEqual([
      ...[statusWhenDown, statusWhenDown],
      ...[...forged, ...forged],
    ]);
    expect(backend.seen).toHaveLength(before);
    await expectOpen(lab());
  }, 60_000);

  if (!traits.waitsAsAnotherVariant) testHanging(traits, lab);

  it('serves on while Countersign drains', async () => {
    const { countersign, stopCountersign, startCountersign } = lab();
    const { ports } = countersign();
    const stopped = stopCountersign('SIGTERM');
    await until(async () => (await statusOf({ port: ports.ops, path: '/readyz' })) === 503);
    try {
      await expectOpen(lab());
    } finally {
      await stopped;
      await startCountersign();
    }
  }, 60_000);

  it('is right or closed while Countersign is restarted under traffic', async () => {
    const { backend, stopCountersign, startCountersign } = lab();
    const before = backend.seen.length;
    const traffic = startTraffic(lab(), spellings);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await traffic.untilServed(20);
      await stopCountersign(signal);
      await startCountersign();
    }
    await traffic.untilServed(20);
    const answers = await traffic.stop();
    const isClosed = (status: number) => status === statusWhenDown || status === statusWhenSlow;
    const wrong = answers.filter(
      ({ status, expected, clientId, user }) =>
        !isClosed(status) && (status !== expected || clientId !== user),
    );
    expect(wrong).toEqual([]);
    const seen = backend.seen.slice(before);
    const leaks = seen.filter(
      (each) =>
        each.claims === undefined ||
        tokensIn(each).length !== 1 ||
        JSON.stringify(each.headers).includes(forgedToken),
    );
    expect(leaks).toEqual([]);
    await expectOpen(lab());
  }, 90_000);
}

function testHanging(traits: GatewayTraits, lab: () => GatewayLab): void {
  const { statusWhenDown, statusWhenSlow = statusWhenDown, waitsAtMost = 10_000 } = traits;

  it('stays closed while Countersign hangs, and recovers by itself', async () => {
    const { backend, countersign } = lab();
    const before = backend.seen.length;
    countersign().kill('SIGSTOP');
    const began = performance.now();
    const answers = await Promise.all([
      ask(lab(), ['Authorization', alice]),
      ask(lab(), ['Authorization', alice, 'X-Custom-Jwt', forgedToken]),
      ask(lab()),
    ]).finally(() => countersign().kill('SIGCONT'));
    expect(performance.now() - began).toBeLessThan(waitsAtMost);
    expect(answers.map(({ status }) => status)).toEqual(Array(3).fill(statusWhenSlow));
    expect(backend.seen).toHaveLength(before);
    await expectOpen(lab());
  }, 90_000);
}
