import { refuse } from '../../refusals.ts';
import { isJsonObject } from '../../strict-json.ts';
import type { Claims, OriginalRequest, Refused } from '../../types.ts';
import { certificateThumbprint } from '../client-certificate/client-certificate.ts';

/**
 * A token that is bound to a key (`cnf`, RFC 7800) is worth nothing to whoever only holds its text:
 * the request must carry the very certificate (RFC 8705 §3.1). Other bindings can't be checked here.
 */
export function checkConfirmation(claims: Claims, request: OriginalRequest): Refused | undefined {
  const { cnf } = claims;
  if (cnf === undefined) return undefined;
  const bound = isJsonObject(cnf) ? cnf : {};
  const thumbprint = bound['x5t#S256'];
  if (typeof thumbprint !== 'string' || Object.keys(bound).length !== 1) {
    return refuse('unconfirmed_token', 'the token is bound to something other than a certificate');
  }
  const leaf = request.certificate && request.decodeCertificate(request.certificate)?.[0];
  if (!leaf) return refuse('unconfirmed_token', 'the request has no client certificate');
  const same = certificateThumbprint(leaf) === thumbprint;
  return same
    ? undefined
    : refuse('unconfirmed_token', 'the token is bound to another certificate');
}
