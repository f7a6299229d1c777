import type { ExpressionContext } from './expressions.ts';
import { refuse } from './refusals.ts';
import type { AudienceRule } from './route.ts';
import { ownPort } from './routes/host-pattern.ts';
import type { OriginalRequest, Refused } from './types.ts';

/** Tells whether a host (with its port, if that is not the scheme's own) may become an audience. */
export type HostFilter = (host: string, scheme: string) => boolean;

/**
 * `upstream` is the backend's URL as the gateway states it, or the origin that the request names.
 * The client picks the Host header, so only known hosts count: else it would pick the audience.
 *
 * @returns the `aud` claim (RFC 7519 §4.1.3)
 */
export function audienceOf(
  rule: AudienceRule,
  request: OriginalRequest,
  context: () => ExpressionContext,
  isUpstreamHost: HostFilter,
): string | readonly string[] | Refused {
  switch (rule.kind) {
    case 'fixed':
      return rule.value;
    case 'upstream':
      return upstreamAudience(request, isUpstreamHost);
    case 'expression': {
      const result = rule.expression.evaluate(context());
      if (!('value' in result)) return refuse('no_audience', describe(result));
      return isAudience(result.value)
        ? result.value
        : refuse('no_audience', 'not a string or list');
    }
  }
}

/** @returns `failed: …` or `missing`, for the log */
export function describe(result: { missing: true } | { failed: string }): string {
  return 'failed' in result ? `failed: ${result.failed}` : 'a member is missing';
}

function upstreamAudience(request: OriginalRequest, isUpstreamHost: HostFilter): string | Refused {
  if (request.upstreamUrl !== undefined) {
    return withoutOwnPort(request.upstreamUrl) ?? refuse('no_audience', 'no usable upstream URL');
  }
  if (request.scheme === undefined) return refuse('no_audience', 'the gateway states no scheme');
  if (!isUpstreamHost(request.host, request.scheme)) return refuse('unknown_host');
  return `${request.scheme}://${request.host}`;
}

/** The protocols that a Kong service may have for HTTP requests. */
const upstreamUrl =
  /^(https?|grpcs?|wss?):\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(\/[\x21-\x7e]*)?$/;

function withoutOwnPort(url: string): string | undefined {
  const parts = upstreamUrl.exec(url);
  if (parts === null) return undefined;
  const [, scheme = '', host = '', port, path = ''] = parts;
  const suffix = port === undefined || port === ownPort[scheme] ? '' : `:${port}`;
  return `${scheme}://${host}${suffix}${path}`;
}

function isAudience(value: unknown): value is string | readonly string[] {
  if (Array.isArray(value)) return value.length > 0 && value.every(isText);
  return isText(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0;
}
