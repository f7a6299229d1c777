import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, type Span, trace } from '@opentelemetry/api';

/** A decision that is being made. */
export interface CurrentDecision {
  readonly span: Span;
  /** The gateway that it was made for, once it is made. */
  gateway: string | undefined;
  /** The answer left, or the caller is gone. */
  isAnswered: boolean;
}

/** Which decision the code that runs now works for, and the context of spans below. */
export interface Current {
  readonly decision: CurrentDecision;
  readonly context: Context;
}

export interface CurrentDecisions {
  run(span: Span, parent: Context, work: (decision: CurrentDecision) => void): void;
  /** Runs a part of a decision below a span of its own. */
  runPart<T>(of: Current, span: Span, work: () => T): T;
  /** @returns undefined outside of decisions; what goes on after one, as a timer, is outside */
  get(): Current | undefined;
}

export function createCurrentDecisions(): CurrentDecisions {
  const storage = new AsyncLocalStorage<Current>();
  return {
    run(span, parent, work) {
      const decision = { span, gateway: undefined, isAnswered: false };
      storage.run({ decision, context: trace.setSpan(parent, span) }, work, decision);
    },
    runPart({ decision, context }, span, work) {
      return storage.run({ decision, context: trace.setSpan(context, span) }, work);
    },
    get() {
      const current = storage.getStore();
      return current?.decision.gateway === undefined ? current : undefined;
    },
  };
}

/** Ends the span once there are both a decision and its answer. */
export function endIfDone({ span, gateway, isAnswered }: CurrentDecision): void {
  if (gateway !== undefined && isAnswered) span.end();
}
