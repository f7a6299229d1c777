import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { refuse } from '../../../../src/exchange/refusals.ts';
import type { Allowed } from '../../../../src/exchange/types.ts';
import { type DecisionRecord, writeRecord } from '../../../../src/ops/audit/record.ts';

const allowed: Allowed = {
  allowed: true,
  token: { jwt: 'the.token.itself', jti: 'i1', kid: 'k1', iat: 0, exp: 1 },
  headers: ['X-Custom-Jwt', 'the.token.itself'],
  clientId: 'alice',
  credential: 'bearer',
  sourceJti: 's1',
  route: 'orders',
};
const base: DecisionRecord = {
  at: 1_795_512_797_863,
  gateway: 'nginx',
  decision: allowed,
  seconds: 0.0006104,
  peer: '10.1.2.4',
};
const when = { event: 'decision', time: '2026-11-24T09:33:17.863Z', duration_ms: 0.61 };

describe('a record', () => {
  it('says who was let through, and with which token, but not the token', () => {
    const line = writeRecord(base);
    expect(JSON.parse(line)).toEqual({
      ...{ ...when, peer: '10.1.2.4', gateway: 'nginx', decision: 'allowed', client_id: 'alice' },
      ...{ credential: 'bearer', route: 'orders', jti: 'i1', kid: 'k1', exp: 1, source_jti: 's1' },
    });
    expect(line).not.toContain('the.token');
    // The same token again, at another time.
    expect(JSON.parse(writeRecord({ ...base, at: base.at + 1 })).time).toMatch(/864Z$/);
  });

  it('says why somebody was refused, and leaves out what is not known', () => {
    const decision = refuse('unknown_key');
    expect(JSON.parse(writeRecord({ ...base, decision, peer: undefined }))).toEqual({
      ...{ ...when, gateway: 'nginx', decision: 'refused', reason: 'unknown_key' },
    });
  });

  it('is one line, whatever a client chose', () => {
    const anything = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(anything, anything, (clientId, sourceJti) => {
        const line = writeRecord({
          ...base,
          decision: { ...allowed, written: {}, clientId, sourceJti },
        });
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(line).not.toMatch(/[\0-\x09\x0b-\x1f]/);
        expect(JSON.parse(line)).toMatchObject({ client_id: clientId, source_jti: sourceJti });
      }),
    );
  });
});
