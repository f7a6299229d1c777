import type { Configuration } from '../config/schema/configuration.ts';
import { readBasicCredentials } from '../exchange/credentials/authorization-header.ts';
import { isJsonObject } from '../exchange/strict-json.ts';
import type { Json } from '../exchange/types.ts';
import type { ClientRequest } from '../gateways/present.ts';

export const masked = '[redacted]';

/** Replaces every secret in a value by a mask, wherever it got to. */
export type Mask = <T extends Json>(value: T) => T;

/** Shorter ones turn up in words that are none. */
const shortestInText = 6;

/** @returns a mask for what the configuration and a request hold that nobody else should see */
export function createMask(configuration: Configuration, request: ClientRequest): Mask {
  const secrets = [...new Set(secretsOf(configuration, request))].filter((secret) => secret !== '');
  // A long one may contain a short one, and must not be cut in pieces by it.
  secrets.sort((a, b) => b.length - a.length);
  const maskText = (text: string) =>
    secrets.reduce(
      (shown, secret) =>
        shown === secret
          ? masked
          : secret.length < shortestInText
            ? shown
            : shown.replaceAll(secret, masked),
      text,
    );
  const mask = (value: Json): Json => {
    if (typeof value === 'string') return maskText(value);
    if (Array.isArray(value)) return value.map(mask);
    if (!isJsonObject(value)) return value;
    const members = Object.entries(value).map(([name, member]) => [maskText(name), mask(member)]);
    return Object.fromEntries(members);
  };
  return mask as Mask;
}

/** Names of headers and query parameters whose values are for nobody's eyes. */
const secretName = /auth|key|token|secret|passw|pwd|cookie|session|credential|signature|jwt/i;

function secretsOf({ credentials, callers }: Configuration, request: ClientRequest): string[] {
  const keyHeaders = credentials.flatMap(({ api_key }) => api_key?.header.toLowerCase() ?? []);
  const values = request.headers.filter((_, at) => {
    const name = (request.headers[at - 1] ?? '').toLowerCase();
    return at % 2 === 1 && (secretName.test(name) || keyHeaders.includes(name));
  });
  const [, query = ''] = request.target.split(/\?(.*)/s);
  const parameters = query.split('&').flatMap((parameter) => {
    const [name = '', value = ''] = parameter.split(/=(.*)/s);
    return secretName.test(name) ? value : [];
  });
  return [...values.flatMap(partsOf), ...parameters, ...(callers?.secrets ?? [])];
}

/** A credential by itself, behind its scheme, and what it decodes to. */
function partsOf(value: string): string[] {
  const [, credentials = value] = /^[A-Za-z]+ +(.+)$/.exec(value) ?? [];
  const basic = readBasicCredentials(value);
  // The user name is what the token tells, and no secret where it is the password too.
  const decoded =
    basic && basic.password !== basic.user
      ? [`${basic.user}:${basic.password}`, basic.password]
      : [];
  return [value, credentials, ...decoded];
}
