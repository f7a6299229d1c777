import { randomUUID } from 'node:crypto';
import type { Configuration } from '../config/schema/configuration.ts';
import { createIntrospector } from '../issuers/introspection-client.ts';
import type { Row } from './row.ts';

/** Asks each introspection endpoint about a token that nobody issued. */
export function checkIntrospection({ credentials }: Configuration): Promise<readonly Row[]> {
  const endpoints = credentials.flatMap(({ bearer }, index) => {
    const verify = bearer?.verify;
    if (!verify || !('introspection' in verify)) return [];
    const what = `credentials[${index}].bearer.verify.introspection`;
    return [{ what, settings: verify.introspection }];
  });
  return Promise.all(
    endpoints.map(async ({ what, settings }) => {
      const { endpoint, client_id: clientId, client_secret: clientSecret = '' } = settings;
      let reason = '';
      const introspector = createIntrospector({
        ...{ endpoint, clientId, clientSecret, now: Date.now },
        log: {
          info() {},
          warn: (fields) => {
            reason = (fields as { readonly reason: string }).reason;
          },
        },
      });
      const answer = await introspector.introspect(`countersign-check-${randomUUID()}`);
      const row = { what, where: endpoint };
      if (answer === 'inactive') return { ...row, result: 'good', why: '' };
      if (answer === 'issuer_unavailable') return { ...row, result: 'warning', why: reason };
      return { ...row, result: 'failed', why: 'calls a token active that nobody issued' };
    }),
  );
}
