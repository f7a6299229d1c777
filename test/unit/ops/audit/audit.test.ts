import { describe, expect, it } from '@jest/globals';
import { refuse } from '../../../../src/exchange/refusals.ts';
import type { Allowed } from '../../../../src/exchange/types.ts';
import { createAudit } from '../../../../src/ops/audit/audit.ts';

const allowed: Allowed = {
  allowed: true,
  token: { jwt: 'j', jti: 'i', kid: 'k', iat: 0, exp: 1 },
  headers: [],
  clientId: 'alice',
  credential: 'basic',
  sourceJti: undefined,
  route: 'default',
};

function open(required: boolean) {
  const lines: string[] = [];
  const logged: [string, object, string][] = [];
  let error: unknown;
  const audit = createAudit({
    output: {
      write(line) {
        if (error !== undefined) throw error;
        lines.push(line);
      },
      reopen() {},
      close() {},
    },
    required,
    now: () => 0,
    log: {
      info: (fields, message) => logged.push(['info', fields, message]),
      warn: (fields, message) => logged.push(['warn', fields, message]),
    },
  });
  const fail = (code: string | undefined) => {
    error = code === undefined ? undefined : Object.assign(new Error('write'), { code });
  };
  return { audit, lines, logged, fail, record: audit.record.bind(audit, 'nginx') };
}

describe('a decision', () => {
  it.each([true, false])('is recorded, and stays what it is, with required: %s', (required) => {
    const { record, lines, logged } = open(required);
    const refused = refuse('no_route');
    expect(record(allowed, 0.1, undefined)).toBe(allowed);
    expect(record(refused, 0.1, undefined)).toBe(refused);
    expect(lines).toHaveLength(2);
    expect(logged).toEqual([]);
  });

  it('that cannot be recorded is a refusal where a record is required', () => {
    const { record, fail, audit } = open(true);
    fail('ENOSPC');
    const refused = refuse('no_route');
    expect(record(allowed, 0.1, undefined)).toEqual(refuse('audit_unavailable', 'ENOSPC'));
    expect(record(refused, 0.1, undefined)).toBe(refused);
    expect(audit.status()).toEqual({ written: 0, failed: 2, problem: 'ENOSPC' });
  });

  it('stays what it is where none is required, and what goes wrong is said once', () => {
    const { record, fail, logged, audit } = open(false);
    fail('ENOSPC');
    for (let count = 0; count < 3; count++) expect(record(allowed, 0.1, undefined)).toBe(allowed);
    fail('EIO');
    record(allowed, 0.1, undefined);
    expect(logged).toEqual([
      ['warn', { problem: 'ENOSPC', required: false }, 'decisions are not recorded'],
    ]);
    expect(audit.status()).toEqual({ written: 0, failed: 4, problem: 'EIO' });
    fail(undefined);
    record(allowed, 0.1, undefined);
    expect(logged.at(-1)).toEqual(['info', { missing: 4 }, 'decisions are recorded again']);
    expect(audit.status()).toEqual({ written: 1, failed: 4, problem: undefined });
  });
});
