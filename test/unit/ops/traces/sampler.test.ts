import { describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { createSampler } from '../../../../src/ops/traces/sampler.ts';

const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const under = (traceFlags: number, isRemote: boolean) =>
  trace.setSpanContext(ROOT_CONTEXT, { ...ids, traceFlags, isRemote });

function decide(context: typeof ROOT_CONTEXT, random: number, trustParent = false): boolean {
  const sampler = createSampler({ sample: 0.25, trustParent, random: () => random });
  return sampler.shouldSample(context, ids.traceId, '', SpanKind.SERVER, {}, []).decision !== 0;
}

describe('a trace', () => {
  it('that begins here is recorded in the given part', () => {
    expect(decide(ROOT_CONTEXT, 0.24)).toBe(true);
    expect(decide(ROOT_CONTEXT, 0.25)).toBe(false);
  });

  it('that the caller records is recorded in that part, too, whatever its id', () => {
    expect(decide(under(1, true), 0.24)).toBe(true);
    expect(decide(under(1, true), 0.25)).toBe(false);
    expect(decide(under(0, true), 0)).toBe(false);
  });

  it('goes with a trusted caller', () => {
    expect(decide(under(1, true), 0.99, true)).toBe(true);
    expect(decide(under(0, true), 0, true)).toBe(false);
    expect(decide(ROOT_CONTEXT, 0.25, true)).toBe(false);
  });

  it('is recorded whole or not at all', () => {
    expect(decide(under(1, false), 0.99)).toBe(true);
    expect(decide(under(0, false), 0)).toBe(false);
  });
});
