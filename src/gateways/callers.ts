import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { BlockList, isIP } from 'node:net';

/** Who may ask: all that is given must hold, on every address. */
export interface CallerRules {
  /** CIDR blocks or single addresses. */
  readonly networks: readonly string[] | undefined;
  /** Any one of them; two while a secret is changed. */
  readonly secrets: readonly string[] | undefined;
  /** The caller's TLS certificate must have one of these as a DNS or URI subject alternative name. */
  readonly certificates: readonly string[] | undefined;
}

export const callerSecretHeader = 'x-countersign-secret';

/** The other end of a connection: a socket, or what a listener knows of one. */
export interface Peer {
  readonly remoteAddress?: string | undefined;
  /** Its TLS certificate comes from the configured authority. */
  readonly authorized?: boolean;
  readonly getPeerCertificate?: () => { readonly raw?: Buffer };
}

/**
 * Decides whether a call comes from a gateway of ours; whoever else asks could mint any token.
 *
 * @param secret that came with the call
 */
export type CallerCheck = (peer: Peer, secret: string | undefined) => boolean;

/**
 * @param transport a unix socket has no addresses: only this machine's own gateway can reach it
 * @throws RangeError for a network that is none
 */
export function createCallerCheck(
  rules: CallerRules | undefined,
  transport: 'tcp' | 'unix',
): CallerCheck {
  if (rules === undefined) return () => true;
  const checks: CallerCheck[] = [];
  if (rules.networks && transport === 'tcp') checks.push(networkCheck(rules.networks));
  if (rules.secrets) checks.push(secretCheck(rules.secrets));
  if (rules.certificates) checks.push(certificateCheck(new Set(rules.certificates)));
  return (peer, secret) => checks.every((holds) => holds(peer, secret));
}

function networkCheck(networks: readonly string[]): CallerCheck {
  const allowed = new BlockList();
  for (const network of networks) addNetwork(allowed, network);
  return ({ remoteAddress }) => {
    const plain = withoutMapping(remoteAddress ?? '');
    const family = isIP(plain);
    return family !== 0 && allowed.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  };
}

function addNetwork(list: BlockList, network: string): void {
  const [address = '', prefix] = withoutMapping(network).split('/');
  const family = isIP(address);
  if (family === 0) throw new RangeError(`${network} is not a network`);
  const mapped = network !== withoutMapping(network) && prefix !== undefined;
  const bits =
    prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix) - (mapped ? 96 : 0);
  list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
}

/** `::ffff:10.0.0.1` is an IPv4 address on a socket that takes both families. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=[0-9]+\.)/i, '');
}

function secretCheck(secrets: readonly string[]): CallerCheck {
  const digests = secrets.map(digest);
  return (_peer, sent) => {
    if (sent === undefined) return false;
    const given = digest(sent);
    // Digests, so that neither length nor content shows in the time it takes.
    return digests.map((known) => timingSafeEqual(known, given)).includes(true);
  };
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function certificateCheck(names: ReadonlySet<string>): CallerCheck {
  // A certificate is checked once for each connection, not for each call on it.
  const known = new WeakMap<Peer, boolean>();
  return (peer) => {
    const seen = known.get(peer);
    if (seen !== undefined) return seen;
    const holds = hasName(peer, names);
    known.set(peer, holds);
    return holds;
  };
}

function hasName(peer: Peer, names: ReadonlySet<string>): boolean {
  if (!peer.authorized) return false;
  const raw = peer.getPeerCertificate?.().raw;
  const alternatives = raw && new X509Certificate(raw).subjectAltName;
  // A name that needs quoting is never one that was configured.
  return (alternatives ?? '')
    .split(', ')
    .some((name) => names.has(name.replace(/^(?:DNS|URI):/, '')));
}
