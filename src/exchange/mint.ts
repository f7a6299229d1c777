import { refuse } from './refusals.ts';
import type { TokenRules } from './route.ts';
import { SignerOverloaded, SignerUnavailable } from './signer-unavailable.ts';
import { writeJson } from './strict-json.ts';
import type { Claims, MintedToken, Refused, Signer } from './types.ts';

/**
 * Signs claims as a compact JWS (RFC 7515 §7.1, RFC 7519 §7.1).
 *
 * @returns a refusal when the key lies outside this process and cannot be used now
 */
export async function mint(
  claims: Claims,
  signer: Signer,
  jku: string | undefined,
): Promise<MintedToken | Refused> {
  const payload = Buffer.from(writeJson(claims)).toString('base64url');
  const signingInput = `${joseHeader(signer, jku)}.${payload}`;
  const signature = await trySigning(signer, signingInput);
  if (typeof signature !== 'string') return signature;
  return {
    jwt: `${signingInput}.${signature}`,
    kid: signer.kid,
    jti: claims['jti'] as string,
    iat: claims['iat'] as number,
    exp: claims['exp'] as number,
  };
}

async function trySigning(signer: Signer, signingInput: string): Promise<string | Refused> {
  try {
    return await signer.sign(signingInput);
  } catch (error) {
    if (error instanceof SignerOverloaded) return refuse('overloaded', error.message);
    if (error instanceof SignerUnavailable) return refuse('signer_unavailable', error.message);
    throw error;
  }
}

/** Header lines, name and value in turn; undefined when the head of the answer would be too large. */
export function tokenLines(
  token: MintedToken,
  rules: TokenRules,
  headers: readonly string[],
): string[] | undefined {
  const bearer = rules.header.toLowerCase() === 'authorization';
  const lines = [rules.header, bearer ? `Bearer ${token.jwt}` : token.jwt, ...headers];
  if (rules.downstreamHeader !== undefined) lines.push(rules.downstreamHeader, token.jwt);
  return headBytes(lines) > rules.maxHeaderBytes ? undefined : lines;
}

/** Names the claims that take most room, for the log. */
export function tooLarge(claims: Claims): Refused {
  const sizes = Object.entries(claims)
    .map(([name, value]) => ({ name, bytes: Buffer.byteLength(writeJson(value)) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 3);
  const largest = sizes.map(({ name, bytes }) => `${name.slice(0, 64)} ${bytes} bytes`).join(', ');
  return refuse('token_too_large', `largest claims: ${largest}`);
}

/** Status line, Date, Connection, Keep-Alive, Content-Length and the empty line. */
const fixedHeadBytes = 140;

function headBytes(lines: readonly string[]): number {
  // Two more bytes each: `: ` after a name, CR LF after a value.
  return lines.reduce((sum, part) => sum + part.length + 2, fixedHeadBytes);
}

const joseHeaders = new WeakMap<Signer, Map<string | undefined, string>>();

/** The same for each token that a key signs for a route. */
function joseHeader(signer: Signer, jku: string | undefined): string {
  const known = joseHeaders.get(signer)?.get(jku);
  if (known !== undefined) return known;
  const header = encodeHeader(signer, jku);
  const byJku = joseHeaders.get(signer) ?? new Map();
  joseHeaders.set(signer, byJku.set(jku, header));
  return header;
}

function encodeHeader({ alg, kid }: Signer, jku: string | undefined): string {
  const header = { alg, typ: 'JWT', kid, ...(jku !== undefined && { jku }) };
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}
