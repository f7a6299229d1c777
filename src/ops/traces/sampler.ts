import { type Context, TraceFlags, trace } from '@opentelemetry/api';
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';

export interface SamplerSettings {
  /** Which part of all traces is recorded; 0 to 1. */
  readonly sample: number;
  readonly trustParent: boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

/**
 * A client can send any `traceparent`. So what the caller records is recorded here only in the same
 * part as all else, by chance and not by the trace id, which the client chooses too; what the caller
 * does not record is not recorded here, where the trace would have a hole. With `trustParent` the
 * caller alone decides. A child goes with its parent.
 */
export function createSampler({ sample, trustParent, random }: SamplerSettings): Sampler {
  function isWanted(context: Context): boolean {
    const parent = trace.getSpanContext(context);
    if (parent === undefined) return random() < sample;
    const isSampled = (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    if (parent.isRemote !== true || trustParent) return isSampled;
    return isSampled && random() < sample;
  }

  return {
    shouldSample: (context) => ({
      decision: isWanted(context)
        ? SamplingDecision.RECORD_AND_SAMPLED
        : SamplingDecision.NOT_RECORD,
    }),
    toString: () => `Countersign{${sample},${trustParent}}`,
  };
}
