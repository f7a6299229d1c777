import type { ExpressionContext, RequestInputs } from './expressions.ts';
import type { Consumer, Json, JsonObject, OriginalRequest } from './types.ts';

/** @returns what expressions see; only the headers named in `inputs` are read */
export function expressionContext({
  request,
  inputs,
  caller,
  route,
}: {
  readonly request: OriginalRequest;
  readonly inputs: RequestInputs;
  readonly caller: Pick<ExpressionContext, 'client_id' | 'subject' | 'claims' | 'credential'>;
  readonly route: JsonObject;
}): ExpressionContext {
  return {
    ...caller,
    consumer: request.consumer ? consumerFacts(request.consumer) : {},
    request: requestFacts(request, inputs),
    route,
  };
}

function requestFacts(request: OriginalRequest, inputs: RequestInputs): JsonObject {
  return present({
    method: request.method,
    scheme: request.scheme,
    host: request.host,
    path: request.path,
    query: request.query,
    headers: inputs.anyHeader ? request.headers.all() : namedHeaders(request, inputs),
  });
}

function namedHeaders(request: OriginalRequest, inputs: RequestInputs): JsonObject {
  const names = [...inputs.headers];
  return present(Object.fromEntries(names.map((name) => [name, request.headers.get(name)])));
}

function consumerFacts({ id, custom_id, username, credential_identifier }: Consumer): JsonObject {
  return present({ id, custom_id, username, credential_identifier });
}

/** Leaves out what is not there, so that CEL sees a missing member. */
function present(members: { readonly [name: string]: Json | undefined }): JsonObject {
  const facts: { [name: string]: Json } = Object.create(null);
  for (const [name, value] of Object.entries(members)) if (value !== undefined) facts[name] = value;
  return facts;
}
