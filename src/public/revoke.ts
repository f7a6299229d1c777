import type { Request } from 'express';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Revocations, RuleTarget } from '../state/revocations.ts';
import { StateError } from '../state/state-error.ts';
import type { VerifyCurrentToken } from '../tokens/refuse-revoked.ts';
import { revokeToken } from '../tokens/revoke.ts';
import type { Client } from './client-authentication.ts';
import type { Respond } from './endpoint.ts';
import { type FindClientDeps, findClient, refuseUnpermitted } from './find-client.ts';
import { readForm } from './form.ts';
import {
  invalidRequest,
  type OAuthError,
  sendOAuthError,
  stateUnavailable,
} from './oauth-error.ts';
import { type RevocationRequest, readRevocationForm } from './revocation-form.ts';

export interface RevocationDeps extends FindClientDeps {
  readonly verify: VerifyCurrentToken;
  readonly revocations: Pick<Revocations, 'revoke'>;
  readonly keyRing: Pick<KeyRing, 'signer' | 'verificationKey'>;
  /** Seconds that a rule is kept. */
  readonly ruleLife: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * `POST /revoke`: token revocation (RFC 7009), and of all that was issued to somebody, for clients
 * that may. 200 says that it is on the disk, or that there was nothing to revoke.
 */
export function createRevocation(deps: RevocationDeps): Respond {
  return async (req, res) => {
    const error = await answerRevocation(deps, req);
    if (error !== undefined) return sendOAuthError(res, error);
    res.setHeader('Cache-Control', 'no-store');
    res.end();
  };
}

async function answerRevocation(
  deps: RevocationDeps,
  req: Request,
): Promise<OAuthError | undefined> {
  const form = await readForm(req);
  if ('error' in form) return form;
  const client = await findClient(deps, req, form);
  if ('error' in client) return client;
  const request = readRevocationForm(form, deps.now() / 1000);
  if ('error' in request) return request;
  const permission = 'token' in request ? 'revoke' : 'revoke-any';
  const unpermitted = refuseUnpermitted(deps, client, permission);
  if (unpermitted) return unpermitted;
  try {
    return await revoke(deps, client, request);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    deps.log({ event: 'revocation_failed', client: client.id, reason: error.message });
    return stateUnavailable;
  }
}

async function revoke(
  deps: RevocationDeps,
  client: Client,
  request: RevocationRequest,
): Promise<OAuthError | undefined> {
  if ('token' in request) return revokeOne(deps, client, request.token);
  const { target, upTo } = request;
  const refused = target.kind === 'key' ? checkKey(deps, target) : undefined;
  if (refused) return refused;
  const entry = { ...target, upTo, until: Math.ceil(deps.now() / 1000) + deps.ruleLife };
  await deps.revocations.revoke(entry);
  deps.log({ event: 'revoked', client: client.id, entry });
  return undefined;
}

/**
 * What is no good token, or somebody else's, is answered like success (RFC 7009 §2.2): to this
 * client such a token does not exist, as in introspection, and an error would tell that it does.
 */
async function revokeOne(
  deps: RevocationDeps,
  client: Client,
  token: string,
): Promise<OAuthError | undefined> {
  const entry = await revokeToken(deps, token, client.audiences);
  if (entry === 'state_unavailable') return stateUnavailable;
  if (typeof entry === 'string') {
    deps.log({ event: 'nothing_revoked', client: client.id, reason: entry });
  } else {
    deps.log({ event: 'revoked', client: client.id, entry });
  }
  return undefined;
}

/** Tokens of the key that signs would be revoked as they are made, or those of tomorrow be missed. */
function checkKey(
  { keyRing }: RevocationDeps,
  { kid }: Extract<RuleTarget, { kind: 'key' }>,
): OAuthError | undefined {
  if (kid === keyRing.signer.kid) {
    return invalidRequest(
      'The key signs now; take it out of service with `countersign keys rotate --now --compromised`',
    );
  }
  return keyRing.verificationKey(kid) ? undefined : invalidRequest('There is no such key');
}
