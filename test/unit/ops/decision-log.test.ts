import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Allowed, Decision } from '../../../src/exchange/types.ts';
import { createDecisionLog } from '../../../src/ops/decision-log.ts';
import type { LogSettings } from '../../../src/ops/log.ts';

const allowed: Allowed = {
  allowed: true,
  token: { jwt: 's3cret', jti: 'new', kid: 'key', iat: 1, exp: 2 },
  headers: ['X-Custom-Jwt', 's3cret'],
  clientId: 'a "client"\n\u2028 of mine\ud800',
  credential: 'bearer',
  sourceJti: undefined,
  route: 'default',
};
const refused: Decision = { allowed: false, reason: 'invalid_token', detail: 'it "says" so' };

/** @returns what is logged of a decision, twice: by the logger, and as a line of its own */
function logged(wanted: LogSettings['decisions'], decision: Decision, level = 'info'): string[][] {
  const options = {
    level,
    base: null,
    timestamp: () => ',"time":"2026-11-24T10:00:00.000Z"',
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return [false, true].map((byLines) => {
    const written: string[] = [];
    const output = { write: (line: string) => void written.push(line) };
    const lines = byLines ? { output, time: options.timestamp } : undefined;
    const log = createDecisionLog(
      { logger: pino(options, output), lines, writeLine: output.write },
      { level, decisions: wanted },
    );
    for (const seconds of [0.0001234, 0.5]) log('nginx', decision, seconds);
    return written;
  });
}

describe('the log of decisions', () => {
  it.each([
    ['an allowed one', allowed],
    ['a refused one', refused],
    ['one refused without a detail', { ...refused, detail: undefined }],
  ])('is the same from the logger and by itself: %s', (_what, decision) => {
    const [byLogger = [], byLines = []] = logged('all', decision);
    expect(byLines).toHaveLength(2);
    expect(byLines.map((line) => JSON.parse(line))).toEqual(
      byLogger.map((line) => JSON.parse(line)),
    );
    for (const line of byLines) expect(line.indexOf('\n')).toBe(line.length - 1);
  });

  it('says who, why and how long, and nothing that is secret', () => {
    const [line = ''] = logged('all', allowed)[1] ?? [];
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: '2026-11-24T10:00:00.000Z',
      gateway: 'nginx',
      decision: 'allowed',
      client_id: 'a "client"\n\u2028 of mine\ud800',
      credential: 'bearer',
      route: 'default',
      jti: 'new',
      kid: 'key',
      exp: 2,
      duration_ms: 0.123,
      msg: 'allowed',
    });
    expect(line).not.toContain('s3cret');
  });

  it.each<[LogSettings['decisions'], string, Decision, number]>([
    ['all', 'info', allowed, 2],
    ['all', 'info', refused, 2],
    ['refused', 'info', allowed, 0],
    ['refused', 'info', refused, 2],
    ['off', 'info', refused, 0],
    ['all', 'warn', refused, 0],
  ])('with decisions: %s at level %s', (wanted, level, decision, lines) => {
    expect(logged(wanted, decision, level).map(({ length }) => length)).toEqual([lines, lines]);
  });
});
