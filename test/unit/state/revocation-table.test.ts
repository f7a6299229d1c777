import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRevocationTable } from '../../../src/state/revocation-table.ts';
import type {
  BearerCredential,
  IssuedToken,
  Revocation,
  RevocationRule,
} from '../../../src/state/revocations.ts';

const settings = { tokensCarrySubject: true, clockSkew: 0 };
const token = (facts: Partial<IssuedToken> = {}): IssuedToken => ({
  jti: 'one',
  subject: 'alice',
  clientId: 'shop',
  kid: 'k1',
  iat: 100,
  ...facts,
});
const credential = (facts: Partial<BearerCredential> = {}): BearerCredential => ({
  issuer: 'https://idp',
  subject: 'alice',
  clientId: 'shop',
  iat: 100,
  ...facts,
});
const times = { upTo: 100, until: 1000 };
const subjectRule = { kind: 'subject', issuer: 'https://idp', subject: 'alice', ...times } as const;

const tableOf = (...entries: Revocation[]) => {
  const table = createRevocationTable(settings);
  for (const entry of entries) table.add(entry);
  return table;
};

describe('a rule', () => {
  it.each<[string, RevocationRule, Partial<IssuedToken>, boolean]>([
    ['all covers what was issued before', { kind: 'all', ...times }, { iat: 99 }, true],
    ['all covers the second it names', { kind: 'all', ...times }, { iat: 100 }, true],
    ['all covers all of that second', { kind: 'all', ...times }, { iat: 100.9 }, true],
    ['all spares what came later', { kind: 'all', ...times }, { iat: 101 }, false],
    ['all covers a token without iat', { kind: 'all', ...times }, { iat: undefined }, true],
    ['client covers its client', { kind: 'client', clientId: 'shop', ...times }, {}, true],
    ['client spares others', { kind: 'client', clientId: 'shop2', ...times }, {}, false],
    [
      'client spares later ones',
      { kind: 'client', clientId: 'shop', ...times },
      { iat: 101 },
      false,
    ],
    ['key covers what it signed', { kind: 'key', kid: 'k1', ...times }, {}, true],
    ['key spares other keys', { kind: 'key', kid: 'k2', ...times }, {}, false],
    ['subject covers the subject', subjectRule, {}, true],
    ['subject covers it whatever the issuer', { ...subjectRule, issuer: 'https://b' }, {}, true],
    ['subject spares others', { ...subjectRule, subject: 'bob' }, {}, false],
    ['subject spares tokens without one', subjectRule, { subject: undefined }, false],
    ['subject spares later ones', subjectRule, { iat: 101 }, false],
    [
      'names are not property names',
      { ...subjectRule, subject: 'x' },
      { subject: 'constructor' },
      false,
    ],
  ])('about %s', (_, rule, facts, expected) => {
    expect(tableOf(rule).isRevoked(token(facts))).toBe(expected);
    expect(tableOf(rule).isUnderRule(token(facts))).toBe(expected);
  });

  it.each<[string, RevocationRule, Partial<BearerCredential>, boolean]>([
    ['all covers it', { kind: 'all', ...times }, {}, true],
    ['all covers one without iat', { kind: 'all', ...times }, { iat: undefined }, true],
    ['all spares a later one', { kind: 'all', ...times }, { iat: 101 }, false],
    ['client covers its client', { kind: 'client', clientId: 'shop', ...times }, {}, true],
    ['client spares others', { kind: 'client', clientId: 'x', ...times }, {}, false],
    ['key says nothing of it', { kind: 'key', kid: 'k1', ...times }, {}, false],
    ['subject covers the subject', subjectRule, {}, true],
    ['subject spares another issuer’s', subjectRule, { issuer: 'https://other' }, false],
    ['subject covers one of unknown issuer', subjectRule, { issuer: undefined }, true],
    ['subject spares other subjects', subjectRule, { subject: 'bob' }, false],
    ['subject spares one without', subjectRule, { subject: undefined }, false],
    ['subject spares a later one', subjectRule, { iat: 101 }, false],
  ])('about a bearer credential: %s', (_, rule, facts, expected) => {
    expect(tableOf(rule).refuses(credential(facts))).toBe(expected);
  });

  it('covers a bearer credential of an issuer whose clock may be ahead', () => {
    const table = createRevocationTable({ ...settings, clockSkew: 5 });
    table.add({ kind: 'all', ...times });
    expect(table.refuses(credential({ iat: 105 }))).toBe(true);
    expect(table.refuses(credential({ iat: 106 }))).toBe(false);
    expect(table.isRevoked(token({ iat: 101 }))).toBe(false);
  });

  it('about a subject covers every token where tokens do not carry it', () => {
    const table = createRevocationTable({ ...settings, tokensCarrySubject: false });
    expect(table.isRevoked(token({ subject: undefined, iat: undefined }))).toBe(false);
    table.add(subjectRule);
    expect(table.isRevoked(token({ subject: undefined }))).toBe(true);
    expect(table.isRevoked(token({ subject: 'bob' }))).toBe(true);
    expect(table.isRevoked(token({ iat: 101 }))).toBe(false);
    table.forget(subjectRule);
    expect(table.isRevoked(token({ subject: undefined }))).toBe(false);
  });

  it('is judged by the settings of another configuration from then on', () => {
    const table = tableOf({ kind: 'all', ...times });
    table.judgeBy({ ...settings, clockSkew: 5 });
    expect(table.refuses(credential({ iat: 105 }))).toBe(true);
  });

  it('about a subject goes on covering every token once some were made without it', () => {
    const table = tableOf(subjectRule);
    table.judgeBy({ ...settings, tokensCarrySubject: false });
    expect(table.isRevoked(token({ subject: undefined }))).toBe(true);
    table.judgeBy(settings);
    expect(table.isRevoked(token({ subject: undefined }))).toBe(true);
  });

  it('of one target keeps the later times of two', () => {
    const table = tableOf({ kind: 'all', upTo: 100, until: 1000 });
    expect(table.add({ kind: 'all', upTo: 50, until: 2000 })).toBe(true);
    expect(table.isRevoked(token())).toBe(true);
    table.forget({ kind: 'all', upTo: 100, until: 1000 });
    expect(table.isRevoked(token())).toBe(true);
    expect(table.add({ kind: 'all', upTo: 99, until: 2000 })).toBe(false);
  });
});

describe('a revoked token', () => {
  it('is known by its jti alone', () => {
    const table = tableOf({ kind: 'token', jti: 'one', until: 1000 });
    expect(table.isRevoked(token({ subject: 'x', kid: 'y', iat: 5000 }))).toBe(true);
    expect(table.isRevoked(token({ jti: 'two' }))).toBe(false);
    expect(table.isRevoked(token({ jti: undefined }))).toBe(false);
    expect(table.isUnderRule(token())).toBe(false);
  });
});

/** The plainest thing that can be right: a list, read from start to end. */
function createModel() {
  let entries: Revocation[] = [];
  const isOld = (upTo: number, iat: number | undefined) =>
    iat === undefined || Math.floor(iat) <= upTo;
  return {
    add: (entry: Revocation) => entries.push(entry),
    forgetAt(time: number) {
      const gone = entries.filter(({ until }) => until <= time);
      entries = entries.filter(({ until }) => until > time);
      return gone;
    },
    isRevoked: ({ jti, subject, clientId, kid, iat }: IssuedToken) =>
      entries.some((entry) => {
        if (entry.kind === 'token') return entry.jti === jti;
        if (!isOld(entry.upTo, iat)) return false;
        if (entry.kind === 'subject') return entry.subject === subject;
        if (entry.kind === 'client') return entry.clientId === clientId;
        return entry.kind === 'all' || entry.kid === kid;
      }),
    refuses: ({ issuer, subject, clientId, iat }: BearerCredential) =>
      entries.some((entry) => {
        if (entry.kind === 'token' || !isOld(entry.upTo, iat)) return false;
        if (entry.kind === 'client') return entry.clientId === clientId;
        if (entry.kind !== 'subject') return entry.kind === 'all';
        return entry.subject === subject && (issuer === undefined || entry.issuer === issuer);
      }),
  };
}

describe('the table', () => {
  const name = fc.constantFrom('a', 'b', '__proto__');
  const time = fc.integer({ min: 0, max: 5 });
  // As the service makes them: the later a rule, the longer it is kept, whatever it covers.
  const entry = (until: number): fc.Arbitrary<Revocation> =>
    fc
      .oneof(
        fc.record({ kind: fc.constant('token' as const), jti: name }),
        fc.record({ kind: fc.constant('client' as const), clientId: name, upTo: time }),
        fc.record({ kind: fc.constant('key' as const), kid: name, upTo: time }),
        fc.record({
          kind: fc.constant('subject' as const),
          issuer: name,
          subject: name,
          upTo: time,
        }),
        fc.record({ kind: fc.constant('all' as const), upTo: time }),
      )
      .map((rest) => ({ ...rest, until }));
  const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
  const lookups = fc.record({
    jti: maybe(name),
    issuer: maybe(name),
    subject: maybe(name),
    clientId: name,
    kid: maybe(name),
    iat: maybe(fc.double({ min: 0, max: 6, noNaN: true })),
  });

  it('revokes all that a plain list does, and no more while nothing is forgotten', () => {
    const steps = fc.array(fc.tuple(entry(9), lookups), { maxLength: 20 });
    fc.assert(
      fc.property(steps, (all) => {
        const [table, model] = [createRevocationTable(settings), createModel()];
        for (const [added, asked] of all) {
          table.add(added);
          model.add(added);
          expect(table.isRevoked(asked)).toBe(model.isRevoked(asked));
          expect(table.refuses(asked)).toBe(model.refuses(asked));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never forgets too early, and in the end everything', () => {
    const steps = fc.array(
      fc.tuple(
        fc.integer({ min: 1, max: 9 }).chain(entry),
        lookups,
        fc.integer({ min: 0, max: 9 }),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const [table, model] = [createRevocationTable(settings), createModel()];
        for (const [added, asked, now] of all) {
          table.add(added);
          model.add(added);
          for (const gone of model.forgetAt(now)) table.forget(gone);
          if (model.isRevoked(asked)) expect(table.isRevoked(asked)).toBe(true);
          if (model.refuses(asked)) expect(table.refuses(asked)).toBe(true);
        }
        for (const gone of model.forgetAt(10)) table.forget(gone);
        for (const [, asked] of all) {
          expect(table.isRevoked(asked)).toBe(false);
          expect(table.refuses(asked)).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });
});
