import type { Exchange } from '../../exchange/exchange.ts';
import { isRefused, refuse } from '../../exchange/refusals.ts';
import type { Decision } from '../../exchange/types.ts';
import type { DecisionListener, DecisionRecorder } from '../auth-listener.ts';
import type { CallerCheck, Peer } from '../callers.ts';
import type { Gateway } from '../gateway.ts';
import { createCheckRequestReader } from './check-request.ts';
import type { CheckResponseWriter } from './check-response.ts';
import type { CheckRequest } from './decode-check-request.ts';

/** A call of Envoy, with what it says beside the request. */
export interface CheckCall {
  readonly request: CheckRequest;
  readonly peer: Peer;
  /** The caller's secret, from the metadata of the call; never the client's own header. */
  readonly secret: string | undefined;
  /** The kind of credential that Envoy verified, likewise. */
  readonly statedCredential: string | undefined;
}

/** Answers one check with the bytes of a `CheckResponse`. Never throws. */
export type Check = (call: CheckCall) => Uint8Array | Promise<Uint8Array>;

export interface CheckDeps {
  readonly gateway: Gateway;
  readonly isCaller: CallerCheck;
  readonly exchange: Exchange;
  readonly record: DecisionRecorder | undefined;
  readonly writer: CheckResponseWriter;
  /** Told of every decision; must be quick, and must not throw. */
  readonly onDecision: DecisionListener;
  readonly onError: (error: unknown) => void;
}

/** The decision path of gRPC ext_authz: the same as of forward-auth, around other wires. */
export function createCheck(deps: CheckDeps): Check {
  const { gateway, isCaller, exchange, record, writer, onDecision, onError } = deps;
  const reader = createCheckRequestReader(gateway.isDeciding);

  function decide({ request, peer, secret, statedCredential }: CheckCall) {
    if (!isCaller(peer, secret)) return refuse('wrong_caller');
    const lines = reader.read(request, statedCredential);
    if (isRefused(lines)) return lines;
    const headers = gateway.readHeaders(lines);
    if (isRefused(headers)) return headers;
    const original = gateway.readRequest(headers, { method: '', rest: '' });
    return isRefused(original) ? original : exchange(original);
  }

  function answer(decided: Decision, { peer }: CheckCall, began: number): Uint8Array {
    const seconds = (performance.now() - began) / 1000;
    const decision =
      record === undefined ? decided : record(gateway.name, decided, seconds, peer.remoteAddress);
    onDecision(gateway.name, decision, seconds);
    return decision.allowed ? writer.allow(decision) : writer.refuse(decision);
  }

  function fail(error: unknown, call: CheckCall, began: number): Uint8Array {
    onError(error);
    return answer(refuse('internal_error'), call, began);
  }

  return (call) => {
    const began = performance.now();
    try {
      const decision = decide(call);
      if (!(decision instanceof Promise)) return answer(decision, call, began);
      return decision
        .then((late) => answer(late, call, began))
        .catch((error: unknown) => fail(error, call, began));
    } catch (error) {
      return fail(error, call, began);
    }
  };
}
