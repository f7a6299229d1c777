import { describe, expect, it } from '@jest/globals';
import { describeReason, refusalReasons, refuse } from '../../../src/exchange/refusals.ts';
import { profiles } from '../../../src/gateways/profiles.ts';
import { createRefusalWriter, type RefusalStyle } from '../../../src/gateways/refusal-answer.ts';

const style: RefusalStyle = {
  format: 'problem',
  verbose: false,
  kinds: ['api_key', 'bearer', 'basic', 'client_certificate'],
};
const writer = (name: keyof typeof profiles, changes: Partial<RefusalStyle> = {}) =>
  createRefusalWriter(profiles[name], { ...style, ...changes });
function valuesOf(headers: readonly string[], name: string) {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name);
}

describe('an answer to each reason', () => {
  const all = Object.keys(profiles) as (keyof typeof profiles)[];

  it.each(all)('has a status that %s passes on', (name) => {
    const write = writer(name);
    const carriesAll = !['nginx', 'ingress-nginx', 'envoy', 'envoy_grpc'].includes(name);
    const expected = { credential: 401, request: 403, dependency: carriesAll ? 503 : 403 };
    for (const reason of refusalReasons) {
      const { status, headers, body } = write(refuse(reason));
      const { kind, says } = describeReason(reason);
      expect([reason, status]).toEqual([reason, expected[kind]]);
      expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status, detail: says });
      expect(valuesOf(headers, 'Content-Length')).toEqual([`${Buffer.byteLength(body)}`]);
      expect(valuesOf(headers, 'Retry-After')).toHaveLength(kind === 'dependency' ? 1 : 0);
      expect(valuesOf(headers, 'WWW-Authenticate')).toHaveLength(kind === 'credential' ? 4 : 0);
      expect(valuesOf(headers, 'X-Auth-Error')).toEqual(name.includes('nginx') ? [body] : []);
    }
  });

  it('says less than the reason: what tells accounts, keys and issuers apart', () => {
    const write = writer('caddy');
    const alike = [
      ['unknown_issuer', 'unknown_key', 'wrong_audience', 'wrong_type', 'inactive_token'],
      ['unknown_api_key', 'api_key_expired'],
      ['no_consumer', 'anonymous_consumer'],
    ] as const;
    for (const reasons of alike) {
      expect(new Set(reasons.map((reason) => write(refuse(reason)).body)).size).toBe(1);
    }
  });
});

describe('the detail of a refusal', () => {
  const detail = 'line 1\r\nX-Admin: "ü" \u2028';

  it('stays inside', () => {
    expect(JSON.stringify(writer('nginx')(refuse('requirement', detail)))).not.toContain('X-Admin');
  });

  it.each(['problem', 'x-custom-jwt'] as const)(
    'is told when verbose, and can break no header: %s',
    (format) => {
      const { headers, body } = writer('nginx', { verbose: true, format })(
        refuse('requirement', detail),
      );
      const { detail: said, VerboseMessage } = JSON.parse(body);
      expect(said ?? VerboseMessage).toContain(`requirement: ${detail}`);
      expect(body).toMatch(/^[\x20-\x7e]*$/);
      expect(valuesOf(headers, 'X-Auth-Error')).toEqual([body]);
    },
  );

  it('may be absent when verbose', () => {
    const { body } = writer('caddy', { verbose: true })(refuse('no_route'));
    expect(JSON.parse(body)).toMatchObject({ detail: 'no_route' });
  });
});

describe('the challenges', () => {
  it('come in the order of the configuration, one for each kind', () => {
    const { headers } = writer('caddy')(refuse('token_expired'));
    expect(valuesOf(headers, 'WWW-Authenticate')).toEqual([
      'ApiKey realm="countersign"',
      'Bearer realm="countersign", error="invalid_token"',
      'Basic realm="countersign", charset="UTF-8"',
      'ClientCertificate realm="countersign"',
    ]);
  });

  it('are those of the configured kinds only', () => {
    const { headers } = writer('caddy', { kinds: ['basic'] })(refuse('no_credential'));
    expect(valuesOf(headers, 'WWW-Authenticate')).toEqual([
      'Basic realm="countersign", charset="UTF-8"',
    ]);
  });
});

it('the plugin’s format has the plugin’s members', () => {
  const { headers, body } = writer('kong', { format: 'x-custom-jwt' })(refuse('no_credential'));
  expect(valuesOf(headers, 'Content-Type')).toEqual(['application/json']);
  expect(body).toBe('{"ErrorMessage":"You are not authorized to access to this service"}');
});
