import type { ExchangeParts } from '../assemble/assemble.ts';
import { readCompactJws } from '../exchange/compact-jws.ts';
import type { CredentialMethod } from '../exchange/credentials/credential-method.ts';
import type { ExchangeDeps } from '../exchange/exchange.ts';
import type { FoundCredential } from '../exchange/find-credential.ts';
import { isRefused } from '../exchange/refusals.ts';
import type { Route } from '../exchange/route.ts';
import { ownBounds } from '../exchange/strict-json.ts';
import type { JsonObject, OriginalRequest, Refused, Subject } from '../exchange/types.ts';

/** What the steps of one exchange answered; absent where it did not come so far. */
export interface ExchangeRecord {
  parts?: ExchangeParts;
  request?: OriginalRequest;
  /** Undefined also when there is no credential. */
  found?: FoundCredential | undefined;
  subject?: Subject;
  route?: Route | Refused;
  /** What was signed. */
  token?: { readonly header: JsonObject; readonly claims: JsonObject } | undefined;
}

/** Lays itself around the steps of an exchange, which answer as ever, and writes down what they do. */
export function watchExchange(
  record: ExchangeRecord,
): (steps: ExchangeDeps, parts: ExchangeParts) => ExchangeDeps {
  return (steps, parts) => {
    record.parts = parts;
    return {
      ...steps,
      findCredential(request) {
        record.request = request;
        const found = steps.findCredential(request);
        if (found === undefined || isRefused(found)) return found;
        record.found = found;
        return { ...found, method: watchMethod(record, found.method) };
      },
      router: {
        find(request) {
          record.route = steps.router.find(request);
          return record.route;
        },
      },
      signer() {
        const signer = steps.signer();
        return {
          kid: signer.kid,
          alg: signer.alg,
          sign(signingInput) {
            record.token = readSigningInput(signingInput);
            return signer.sign(signingInput);
          },
        };
      },
    };
  };
}

function watchMethod(record: ExchangeRecord, method: CredentialMethod): CredentialMethod {
  return {
    ...method,
    async identify(text, request) {
      const subject = await method.identify(text, request);
      if (!isRefused(subject)) record.subject = subject;
      return subject;
    },
  };
}

function readSigningInput(signingInput: string): ExchangeRecord['token'] {
  // The reader wants a signature, of which it only reads the encoding.
  const token = readCompactJws(`${signingInput}.AA`, ownBounds);
  return token && { header: token.header.all, claims: token.payload };
}
