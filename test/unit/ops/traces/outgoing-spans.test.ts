import { AsyncResource } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { createIssuerKeys } from '../../../../src/issuers/issuer-keys.ts';
import { createCurrentDecisions } from '../../../../src/ops/traces/current-decision.ts';
import { traceOutgoing } from '../../../../src/ops/traces/outgoing-spans.ts';
import {
  answerJson,
  createTestClock,
  createTestLog,
  createTestTimers,
  makeJwk,
  startProvider,
} from '../../issuers/provider.ts';

let provider: Awaited<ReturnType<typeof startProvider>>;
let told: (string | undefined)[] = [];
beforeEach(async () => {
  provider = await startProvider();
  told = [];
  provider.set('/jwks?tenant=secret', (request, response) => {
    told.push(request.headers['traceparent'] as string | undefined);
    answerJson({ keys: [makeJwk({ kid: 'a' })] })(request, response);
  });
});
afterEach(() => provider.stop());

function setUp() {
  const exporter = new InMemorySpanExporter();
  const spans = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const deps = { tracer: spans.getTracer('test'), decisions: createCurrentDecisions() };
  const [clock, timers] = [createTestClock(), createTestTimers()];
  const keys = createIssuerKeys({
    ...{ issuer: provider.origin, jwksUri: `${provider.origin}/jwks?tenant=secret` },
    ...{ algorithms: ['ES256'], now: clock.now, log: createTestLog(), onChange() {} },
    outgoing: traceOutgoing(deps),
    // As Node's own: what they run belongs to whoever set them.
    timers: { after: (ms, run) => timers.after(ms, AsyncResource.bind(run)) },
  });
  return { ...deps, exporter, clock, timers, keys };
}

describe('keys of an issuer', () => {
  it('that a decision waits for are a span below it; those fetched later are none', async () => {
    const { tracer, decisions, exporter, clock, timers, keys } = setUp();
    await keys.start();
    expect(told).toEqual([undefined]);

    clock.advance(60_000);
    const root = tracer.startSpan('decision');
    await new Promise<void>((resolve) => {
      decisions.run(root, ROOT_CONTEXT, async (decision) => {
        await keys.find({ alg: 'ES256', kid: 'b' });
        decision.gateway = 'nginx';
        resolve();
      });
    });
    const [fetched, ...others] = exporter.getFinishedSpans();
    expect(others).toEqual([]);
    const { traceId, spanId } = root.spanContext();
    expect(fetched?.parentSpanContext?.spanId).toBe(spanId);
    expect(fetched?.attributes).toMatchObject({
      'countersign.purpose': 'jwks',
      'url.full': `${provider.origin}/jwks`,
    });
    expect(told[1]).toBe(`00-${traceId}-${fetched?.spanContext().spanId}-01`);

    // The timer for this was set while the decision was made.
    timers.fire();
    await keys.start();
    expect(told.slice(2)).toEqual([undefined]);
    expect(exporter.getFinishedSpans()).toHaveLength(1);
    keys.close();
  });
});
