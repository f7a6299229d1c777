import { describe, expect, it } from '@jest/globals';
import { loadConfiguration } from '../../../src/config/load.ts';

function load(token: string, env: Record<string, string>) {
  const text = `issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any, ${token} }
`;
  return loadConfiguration({ text, file: 'countersign.yaml', env }).configuration.token;
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the notation under test
describe('values from the environment', () => {
  it.each([
    ['audience: "${A}"', { A: 'x' }, { audience: 'x' }],
    ['audience: "a-${A}-${B}"', { A: '1', B: '2' }, { audience: 'a-1-2' }],
    ['audience: "${A:-x y}"', {}, { audience: 'x y' }],
    ['audience: "${A:-x}"', { A: '' }, { audience: 'x' }],
    ['audience: "${A:-}${B}"', { B: 'b' }, { audience: 'b' }],
    ['audience: "$${A} $A $"', {}, { audience: '${A} $A $' }],
    ['audience: "${A}"', { A: '${B}' }, { audience: '${B}' }],
    ['drop: ["${A}"]', { A: 'a]\nissuer: [b' }, { drop: ['a]\nissuer: [b'] }],
    ['jku: "${A}"', { A: 'false' }, { jku: false }],
    ['reuse: { max_entries: "${A}" }', { A: '7' }, { reuse: { max_entries: 7 } }],
    ['expires_in: "${A}"', { A: '90' }, { expires_in: 90 }],
    ['expires_in: "${A}m"', { A: '2' }, { expires_in: 120 }],
    ['audience: "${A}", jku: "${B}"', { A: 'true', B: 'true' }, { audience: 'true', jku: true }],
    ['claims: { a: { value: "${A}" } }', { A: '5' }, { claims: { a: { value: '5' } } }],
  ])('%s with %j', (token, env, expected) => {
    expect(load(token, env)).toMatchObject(expected);
  });

  it.each([
    ['audience: "${A}"', {}, 'token.audience: needs the environment variable A, which is not set'],
    ['audience: "${A"', {}, 'token.audience: has a ${ that names no variable; write ${NAME}, or'],
    ['audience: "${1}"', {}, 'token.audience: has a ${ that names no variable; write ${NAME}, or'],
    ['jku: "${A}"', { A: 'yes' }, 'token.jku: is a string where true or false is expected'],
  ])('%s with %j is an error with its line', (token, env, message) => {
    expect(() => load(token, env)).toThrow(`countersign.yaml:4: ${message}`);
  });

  it('reports an unset variable once, and not what the text would have been without it', () => {
    expect(() => load('expires_in: "${A}"', {})).toThrow(
      /^countersign.yaml:4: token.expires_in: needs the environment variable A, which is not set$/,
    );
  });

  it('leaves keys alone', () => {
    expect(load('claims: { "${A}": a }', { A: 'x' }).claims).toEqual({ '${A}': 'a' });
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the notation under test
