import { describe, expect, it } from '@jest/globals';
import {
  compileExpression,
  type ExpressionContext,
  ExpressionError,
  joinInputs,
} from '../../../src/exchange/expressions.ts';

const context: ExpressionContext = {
  client_id: 'web',
  subject: 'alice',
  claims: {
    scope: 'a orders',
    n: 5,
    big: 9007199254740993n,
    roles: ['x', 'y'],
    realm: { id: 'r' },
  },
  credential: { type: 'bearer' },
  consumer: {},
  request: { method: 'GET', host: 'h', path: '/p', headers: { 'x-tenant': 'acme' } },
  route: { name: 'r' },
};
const evaluate = (source: string) => compileExpression(source).evaluate(context);

describe('an expression', () => {
  it.each([
    ['"orders" in claims.scope.split(" ")', true],
    ['claims.realm.id', 'r'],
    ['claims.roles', ['x', 'y']],
    ['claims.roles.map(r, "role:" + r)', ['role:x', 'role:y']],
    ['size(claims.roles)', 2],
    ['1 + 1', 2],
    ['claims.n > 3', true],
    ['claims.big', 9007199254740993n],
    ['{"a": 1, "b": [true, null]}', { a: 1, b: [true, null] }],
    ['request.headers["x-tenant"]', 'acme'],
    ['request.headers.?nope.orValue("none")', 'none'],
    ['has(claims.nope) ? "yes" : "no"', 'no'],
    ['client_id + "/" + subject', 'web/alice'],
    ['route.name', 'r'],
    ['null', null],
  ])('%s gives JSON', (source, value) => {
    const result = evaluate(source);
    expect('value' in result).toBe(true);
    expect(JSON.parse(JSON.stringify(result, withBigint)).value).toEqual(
      JSON.parse(JSON.stringify(value, withBigint)),
    );
  });

  it.each([
    'claims.nope',
    'claims.nope.deeper',
    'claims.roles[7]',
    'request.headers["nope"]',
    'consumer.custom_id',
    'claims.?nope',
    'claims.constructor',
    'claims.__proto__',
    'claims.toString',
  ])('%s is missing', (source) => {
    expect(evaluate(source)).toEqual({ missing: true });
  });

  it.each(['claims.scope + 1', '1 / 0', '1.0 / 0.0', 'b"bytes"', 'type(1)', 'claims.n.split(" ")'])(
    '%s fails',
    (source) => {
      expect(evaluate(source)).toHaveProperty('failed');
    },
  );

  it.each([
    ['does not parse', 'claims.'],
    ['has an unknown variable', 'claim.x'],
    ['does not type-check', 'client_id + 1'],
    ['calls what is not there', 'now()'],
    ['backtracks', 'client_id.matches("(a+)+b")'],
    ['backtracks inside', '[1].exists(x, claims.s.matches("a"))'],
    ['reads a member the request lacks', 'request.body'],
    ['reads a header that is not lower case', 'request.headers["X-Tenant"]'],
  ])('that %s is refused when it is compiled', (_name, source) => {
    expect(() => compileExpression(source)).toThrow(ExpressionError);
  });

  it('must have the type that is needed, where that can be told', () => {
    expect(() => compileExpression('client_id', 'bool')).toThrow(/it gives string/);
    expect(() => compileExpression('claims.admin', 'bool')).not.toThrow();
  });
});

describe('the inputs of an expression', () => {
  it.each<[string, string[], string[], boolean]>([
    ['claims.x', [], [], false],
    ['request.host + request.path', ['host', 'path'], [], false],
    ['request["query"]', ['query'], [], false],
    ['request.headers["x-a"] + request.headers.x', [], ['x-a', 'x'], false],
    ['has(request.headers.cookie)', [], ['cookie'], false],
    ['"x-a" in request.headers', [], ['x-a'], false],
    ['request.headers.?b.orValue("")', [], ['b'], false],
    ['claims.roles.exists(r, r == request.headers["x-role"])', [], ['x-role'], false],
    ['request.headers[claims.name]', [], [], true],
    ['request.headers.map(name, name)', [], [], true],
    [
      'cel.bind(r, request, r.headers["x"])',
      ['method', 'scheme', 'host', 'path', 'query'],
      [],
      true,
    ],
    ['claims.roles.map(request, request)', ['method', 'scheme', 'host', 'path', 'query'], [], true],
  ])('%s', (source, members, headers, anyHeader) => {
    const { inputs } = compileExpression(source);
    expect([...inputs.members].sort()).toEqual([...members].sort());
    expect([...inputs.headers].sort()).toEqual([...headers].sort());
    expect(inputs.anyHeader).toBe(anyHeader);
  });

  it('of several are those of each', () => {
    const all = ['request.host', 'request.headers.a', 'request.headers[claims.n]'].map(
      (source) => compileExpression(source).inputs,
    );
    expect(joinInputs(all)).toEqual({
      members: new Set(['host']),
      headers: new Set(['a']),
      anyHeader: true,
    });
  });
});

function withBigint(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
