import { describe, expect, it } from '@jest/globals';
import { introspect, isFor } from '../../../src/tokens/introspect.ts';
import type { TokenFault } from '../../../src/tokens/verify.ts';

const claims = {
  iss: 'https://countersign.example.com',
  sub: 'alice',
  aud: ['orders', 'stock'],
  exp: 1_800_000_060,
  act: { client_id: 'gateway' },
  big: 9007199254740993n,
};
const verified = { claims, header: {}, kid: 'k' };

describe('introspection', () => {
  it('tells an active token’s claims to a client of its audience', () => {
    const active = { ...claims, active: true, token_type: 'Bearer' };
    expect(introspect(verified, ['stock'])).toEqual(active);
    expect(introspect(verified, 'any')).toEqual(active);
  });

  it.each<TokenFault>(['malformed', 'unknown_issuer', 'unknown_key', 'bad_signature', 'expired'])(
    'says of a token that is %s only that it is not active',
    (fault) => expect(introspect(fault, 'any')).toEqual({ active: false }),
  );

  it.each([[['payments']], [[]], [['order']], [['Orders']]])(
    'says of a token for others only that it is not active (client of %j)',
    (audiences) => expect(introspect(verified, audiences)).toEqual({ active: false }),
  );

  it('lets no claim speak for the service', () => {
    const token = { ...verified, claims: { ...claims, active: false, token_type: 'DPoP' } };
    expect(introspect(token, 'any')).toMatchObject({ active: true, token_type: 'Bearer' });
  });
});

describe('an audience', () => {
  it.each([
    ['one', 'orders', true],
    ['a list', ['x', 'orders'], true],
    ['another', 'payments', false],
    ['missing', undefined, false],
    ['a number', 7, false],
    ['a list of other things', [null, { orders: 1 }, ['orders']], false],
    ['an object', { 0: 'orders', length: 1 }, false],
  ])('that is %s', (_, aud, expected) => {
    expect(isFor(aud === undefined ? {} : { aud }, ['orders'])).toBe(expected);
  });
});
