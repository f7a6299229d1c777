import type { Consumer, RequestHeaders } from '../../exchange/types.ts';
import { forwardAuth } from '../forward-auth.ts';
import type { GatewayProfile } from '../profile.ts';

/** Kong states its Service's URL, and the consumer that its security plugins authenticated. */
export const kong: GatewayProfile = {
  ...forwardAuth,
  headers: [
    ...forwardAuth.headers,
    'x-upstream-url',
    'x-consumer-id',
    'x-consumer-custom-id',
    'x-consumer-username',
    'x-credential-identifier',
    'x-anonymous-consumer',
  ],
  readConsumer,
  readUpstreamUrl: (headers) => stated(headers, 'x-upstream-url') ?? '',
};

function readConsumer(headers: RequestHeaders): Consumer | undefined {
  const anonymous = stated(headers, 'x-anonymous-consumer');
  const consumer = {
    id: stated(headers, 'x-consumer-id'),
    custom_id: stated(headers, 'x-consumer-custom-id'),
    username: stated(headers, 'x-consumer-username'),
    credential_identifier: stated(headers, 'x-credential-identifier'),
    anonymous: anonymous !== undefined && anonymous !== 'false',
  };
  const named = consumer.id !== undefined || consumer.custom_id !== undefined;
  return named || consumer.anonymous ? consumer : undefined;
}

/** Kong's plugin overwrites these headers also when it has nothing to say: then they are empty. */
function stated(headers: RequestHeaders, name: string): string | undefined {
  const value = headers.get(name);
  return value === undefined || value === '' ? undefined : utf8(value);
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Node reads header bytes as Latin-1; Kong writes UTF-8. */
function utf8(value: string): string {
  try {
    return strictUtf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
