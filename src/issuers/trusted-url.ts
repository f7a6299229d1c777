import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Link-local networks, and with them the metadata services of the clouds. */
const forbidden = new BlockList();
forbidden.addSubnet('169.254.0.0', 16, 'ipv4');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/**
 * Keys and answers that decide who may pass are fetched over https; http only from this machine.
 * Every URL comes from the configuration, or from a document of an issuer named there, so literal
 * link-local addresses are refused here and the addresses that names resolve to are not looked at:
 * an identity provider on a private network is the usual case.
 *
 * @returns why the URL is not fetched; undefined when it may be
 */
export function refuseUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    return 'https is required, except on loopback';
  }
  if (url.username !== '' || url.password !== '') return 'a URL with credentials is not fetched';
  if (contains(forbidden, url.hostname)) return 'link-local addresses are not fetched';
  return undefined;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || contains(loopback, hostname);
}

/** @param hostname as `URL` writes it: IPv4 normalised to four decimals, IPv6 in brackets */
function contains(list: BlockList, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
