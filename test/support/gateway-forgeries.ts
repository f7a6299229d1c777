import { expect, it } from '@jest/globals';
import { alice, ask, forgedToken, seenBy, sendRaw, tokensIn } from './gateway-client.ts';
import type { GatewayLab } from './gateway-lab.ts';
import type { GatewayTraits } from './gateway-traits.ts';

/** A way to bring a token of one's own. */
interface Forgery {
  readonly what: string;
  readonly lines: readonly string[];
  /** It comes after the body. */
  readonly trailer?: true;
}

export const forgeries: readonly Forgery[] = [
  { what: 'X-Custom-Jwt', lines: [`X-Custom-Jwt: ${forgedToken}`] },
  { what: 'x-custom-jwt', lines: [`x-custom-jwt: ${forgedToken}`] },
  { what: 'X_Custom_Jwt', lines: [`X_Custom_Jwt: ${forgedToken}`] },
  { what: 'X.Custom.Jwt', lines: [`X.Custom.Jwt: ${forgedToken}`] },
  { what: 'two of them', lines: [`X-Custom-Jwt: ${forgedToken}`, `X-Custom-Jwt: ${forgedToken}`] },
  { what: 'a nominated one', lines: [`X-Custom-Jwt: ${forgedToken}`, 'Connection: X-Custom-Jwt'] },
  { what: 'a trailer', lines: [`X-Custom-Jwt: ${forgedToken}`], trailer: true },
];

/** Sends it, with a good credential or with none. */
export function forge(lab: GatewayLab, { lines, trailer }: Forgery, who: 'alice' | 'nobody') {
  const head = ['POST /forged HTTP/1.1', 'Host: api.example.com', 'Connection: close'];
  if (who === 'alice') head.push(`Authorization: ${alice}`);
  if (trailer) head.push('Transfer-Encoding: chunked', 'Trailer: X-Custom-Jwt');
  else head.push(...lines, 'Content-Length: 2');
  const body = trailer ? `2\r\nhi\r\n0\r\n${lines.join('\r\n')}\r\n\r\n` : 'hi';
  return sendRaw(lab, `${head.join('\r\n')}\r\n\r\n${body}`);
}

/** @returns what the gateway answers by itself, whatever Countersign would say */
export function statusByGateway(traits: GatewayTraits, { what }: Forgery): 400 | undefined {
  const status = what.includes('_')
    ? traits.statusOfUnderscores
    : what === 'a nominated one'
      ? traits.statusOfNomination('X-Custom-Jwt')
      : 200;
  return status === 400 ? 400 : undefined;
}

/** No token but Countersign's reaches the backend. While Countersign is down: see the outages. */
export function testForgeries(traits: GatewayTraits, lab: () => GatewayLab): void {
  it.each(forgeries)('keeps a forged token from the backend: $what', async (forgery) => {
    const before = lab().backend.seen.length;
    const { status } = await forge(lab(), forgery, 'alice');
    const seen = lab().backend.seen.slice(before);
    const dots = forgery.what.includes('.') ? traits.statusOfDots : undefined;
    expect(status).toBe(statusByGateway(traits, forgery) ?? dots ?? 200);
    expect(seen).toHaveLength(status === 200 ? 1 : 0);
    for (const each of seen) {
      expect(each.claims).toMatchObject({ client_id: 'alice' });
      expect(tokensIn(each)).toHaveLength(1);
      expect(JSON.stringify(each.headers)).not.toContain(forgedToken);
      // Some servers take trailers for headers.
      expect(each.trailers.includes(forgedToken)).toBe(
        forgery.trailer === true && traits.passesTrailers,
      );
    }
  });

  it.each(forgeries)('takes a forged token for no credential: $what', async (forgery) => {
    const before = lab().backend.seen.length;
    const { status } = await forge(lab(), forgery, 'nobody');
    expect(status).toBe(statusByGateway(traits, forgery) ?? 401);
    expect(lab().backend.seen).toHaveLength(before);
  });

  it.each(['X-Custom-Jwt', 'Authorization, X-Original-URL', 'X-Forwarded-Uri'])(
    'is not moved by Connection: %s',
    async (nominated) => {
      const headers = ['Authorization', alice, 'Connection', `close, ${nominated}`];
      const answer = await ask(lab(), headers);
      expect(answer.status).toBe(traits.statusOfNomination(nominated));
      if (answer.status !== 200) return;
      expect(tokensIn(seenBy(answer))).toHaveLength(1);
      expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice' });
    },
  );
}
