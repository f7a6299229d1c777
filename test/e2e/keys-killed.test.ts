import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { countersign, endAll, freshDirectory, serve, threePorts } from '../support/process.ts';
import { configured, jwksOf, kidOf, newToken } from '../support/rotating.ts';

/** `npm run chaos` has many more. */
const rounds = Number(process.env['COUNTERSIGN_CHAOS_ROUNDS'] ?? 12);
jest.setTimeout(60_000 + rounds * 10_000);
afterEach(endAll);

it(`keys survive each of ${rounds} kills in the middle of rotations, with every token's key`, async () => {
  const directory = freshDirectory();
  const ports = await threePorts();
  const start = () => serve(configured('{ every: 4s, publish_ahead: 2s }'), { directory, ports });
  const tokens: { jwt: string; at: number }[] = [];
  const kids = new Set<string>();

  for (let round = 0; round < rounds; round++) {
    const serving = await start();
    const { set } = await jwksOf(serving);
    const published = set.keys.map(({ kid }) => kid);
    // A key is published for a minute and more after its last token; five seconds that token lives.
    for (const { jwt, at } of tokens.filter((each) => Date.now() - each.at < 55_000)) {
      expect(published).toContain(kidOf(jwt));
      if (Date.now() - at < 4_000) await jwtVerify(jwt, createLocalJWKSet(set));
    }
    const until = Date.now() + randomInt(1500);
    do {
      const jwt = await newToken(serving);
      tokens.push({ jwt, at: Date.now() });
      kids.add(kidOf(jwt));
    } while (Date.now() < until);
    // By hand too, so that a change is under way when it dies.
    const rotating = countersign(['keys', 'rotate'], { cwd: directory });
    await delay(randomInt(400));
    serving.kill('SIGKILL');
    await Promise.all([serving.ended, rotating]);
  }
  expect(kids.size).toBeGreaterThan(1);
});
