import { expect, it } from '@jest/globals';
import { alice, ask, seenBy, tokensIn } from './gateway-client.ts';
import type { GatewayLab } from './gateway-lab.ts';
import type { GatewayTraits } from './gateway-traits.ts';
import { type Answer, unsignedJwt } from './service.ts';

/** Nobody answers there. */
export const deadIssuer = 'http://127.0.0.1:1';

/** Of the kinds that the suite configures, in that order. */
const allChallenges = [
  'Basic realm="countersign", charset="UTF-8"',
  'Bearer realm="countersign"',
  'ClientCertificate realm="countersign"',
];

function linesOf({ rawHeaders }: Answer, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** What backend and client get of Countersign's answers. */
export function testAnswers(traits: GatewayTraits, lab: () => GatewayLab): void {
  const { challenges = 'each on its line', statusWhenIssuerDown = 503 } = traits;

  it('gives the backend one token, which verifies there', async () => {
    const answer = await ask(lab(), ['Authorization', alice]);
    expect(answer.status).toBe(200);
    const seen = seenBy(answer);
    expect(tokensIn(seen)).toHaveLength(1);
    expect(seen.claims).toMatchObject({ client_id: 'alice', aud: 'http://api.example.com' });
  });

  it.each([
    ['without credential', []],
    ['with a bad one', ['Authorization', 'Basic !']],
  ])('turns a caller away %s, with status and body', async (_what, headers) => {
    const before = lab().backend.seen.length;
    const answer = await ask(lab(), headers);
    expect(answer.status).toBe(401);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ status: 401, title: 'Unauthorized' });
    expect(lab().backend.seen).toHaveLength(before);
  });

  it(`gives the client the challenges, ${challenges}`, async () => {
    const lines = {
      'each on its line': allChallenges,
      'joined in one line': [allChallenges.join(', ')],
      'the first alone': allChallenges.slice(0, 1),
    }[challenges];
    expect(linesOf(await ask(lab()), 'www-authenticate')).toEqual(lines);
  });

  it('passes a 403 on with its body', async () => {
    const host = 'forbidden.example.com';
    const answer = await ask(lab(), ['Authorization', alice], { host });
    expect(answer.status).toBe(403);
    expect(linesOf(answer, 'www-authenticate')).toEqual([]);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 403, title: 'Forbidden' });
  });

  it('stays closed, and blames no credential, while an issuer cannot be reached', async () => {
    const before = lab().backend.seen.length;
    const now = Math.floor(Date.now() / 1000);
    const token = unsignedJwt({ iss: deadIssuer, exp: now + 60, clientId: 'alice' });
    const answer = await ask(lab(), ['Authorization', `Bearer ${token}`]);
    expect(answer.status).toBe(statusWhenIssuerDown);
    expect(linesOf(answer, 'www-authenticate')).toEqual([]);
    expect(linesOf(answer, 'retry-after')).toEqual(traits.passesRetryAfter === false ? [] : ['5']);
    expect(JSON.parse(answer.body)).toMatchObject({ status: statusWhenIssuerDown });
    expect(lab().backend.seen).toHaveLength(before);
  });

  it('refuses two Authorization lines', async () => {
    const answer = await ask(lab(), ['Authorization', alice, 'Authorization', alice]);
    expect(answer.status).toBe(traits.statusOfTwoAuthorizations);
  });
}
