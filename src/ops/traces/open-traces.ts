import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import type { Signer } from '../../exchange/types.ts';
import type { Log } from '../../issuers/log.ts';
import type { Outgoing } from '../../issuers/outgoing.ts';
import { createCurrentDecisions } from './current-decision.ts';
import {
  type CallTracing,
  type DecisionListener,
  traceCalls,
  traceDecisions,
  traceListener,
  type UnaryHandler,
} from './decision-spans.ts';
import { createDeliverer, type DeliverySettings } from './deliver.ts';
import { traceOutgoing, traceSigning } from './outgoing-spans.ts';
import { createSampler } from './sampler.ts';
import { createSpanQueue, type SpanCounts } from './span-queue.ts';

export interface TraceSettings extends DeliverySettings {
  readonly service_name: string;
  /** 0 to 1. */
  readonly sample: number;
  readonly trust_parent: boolean;
}

/** What lays spans around the parts of a service. */
export interface Traces {
  listener(listener: RequestListener): RequestListener;
  calls<Call, Answer>(
    tracing: CallTracing<Call>,
    handler: UnaryHandler<Call, Answer>,
  ): UnaryHandler<Call, Answer>;
  decisions(listener: DecisionListener): DecisionListener;
  signing(place: 'pkcs11' | 'vault_transit'): (signer: Signer) => Signer;
  readonly outgoing: Outgoing;
  counts(): SpanCounts;
  /** Delivers what waits, within `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** Sets up spans and their way out; nothing of it is global. */
export function openTraces(settings: TraceSettings, log: Log): Traces {
  const deliverer = createDeliverer(settings);
  const queue = createSpanQueue({ deliver: deliverer.deliver, log });
  const { sample, trust_parent: trustParent } = settings;
  const provider = new TracerProvider({
    resource: describeService(settings.service_name),
    sampler: createSampler({ sample, trustParent, random: Math.random }),
    spanProcessors: [queue],
  });
  const decisions = createCurrentDecisions();
  const deps = { tracer: provider.getTracer('countersign'), decisions };
  return {
    listener: (listener) => traceListener(deps, listener),
    calls: (tracing, handler) => traceCalls(deps, tracing, handler),
    decisions: (listener) => traceDecisions(decisions, listener),
    signing: (place) => traceSigning(deps, place),
    outgoing: traceOutgoing(deps),
    counts: queue.counts,
    async close(patience) {
      await queue.close(patience);
      deliverer.close();
    },
  };
}

function describeService(name: string) {
  const file = join(import.meta.dirname, '..', '..', '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return defaultResource().merge(
    resourceFromAttributes({
      'service.name': name,
      'service.version': version,
      'service.instance.id': randomUUID(),
    }),
  );
}
