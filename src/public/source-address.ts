import { isIPv6 } from 'node:net';

/**
 * @param address of the socket; undefined on a unix socket
 * @returns what counts as one source: an IPv4 address, or the /64 of an IPv6 one, because whoever has
 *   one of its addresses has them all
 */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return 'unix';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [left = [], right = []] = address
    .replace(/%.*$/, '')
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}
