import { describe, expect, it } from '@jest/globals';
import { ecKeys, type Issued, issueCertificate, name } from './certificates.ts';
import { ask, askOverTls, issueClient, seenBy } from './gateway-client.ts';
import type { GatewayLab } from './gateway-lab.ts';
import type { GatewayTraits } from './gateway-traits.ts';

const escaped = ({ pem }: Issued) => encodeURIComponent(pem);
const base64 = ({ der }: Issued) => der.toString('base64');

/** Every header that some profile takes a certificate from, as its gateway would write it. */
const forgedCertificates: readonly (readonly [
  what: string,
  headers: (certificate: Issued) => Record<string, string>,
])[] = [
  ['Client-Cert', (it) => ({ 'Client-Cert': `:${base64(it)}:` })],
  ['X-Forwarded-Tls-Client-Cert', (it) => ({ 'X-Forwarded-Tls-Client-Cert': base64(it) })],
  [
    'X-Forwarded-Client-Cert',
    (it) => ({ 'X-Forwarded-Client-Cert': `Hash=00;Cert="${escaped(it)}"` }),
  ],
  [
    'X-SSL-Client-Cert',
    (it) => ({ 'X-SSL-Client-Cert': escaped(it), 'X-SSL-Client-Verify': 'SUCCESS' }),
  ],
  ['ssl-client-cert', (it) => ({ 'ssl-client-cert': escaped(it), 'ssl-client-verify': 'SUCCESS' })],
];

/** A certificate counts when its owner made the connection, and never as a header. */
export function testCertificates(traits: GatewayTraits, lab: () => GatewayLab): void {
  const arePassedOn = traits.clientCertificates === undefined;

  /** The owner of the connection gets in, or nobody does where that is not to be seen. */
  function expectOwner(answer: { readonly status: number; readonly body: string }): void {
    expect(answer.status).toBe(arePassedOn ? 200 : 401);
    if (!arePassedOn) return;
    expect(seenBy(answer).claims).toMatchObject({ client_id: 'O=Acme\\, Inc., CN=client-1' });
  }

  describe(`with client certificates, which ${traits.clientCertificates ?? 'are passed on'}`, () => {
    it(`knows ${arePassedOn ? 'a' : 'no'} client by its certificate`, async () => {
      expectOwner(await askOverTls(lab(), {}, issueClient(lab(), 'client-1')));
    });

    it.each(forgedCertificates)('does not take one from a header: %s', async (_what, forge) => {
      const forged = forge(issueClient(lab(), 'admin'));
      expect((await askOverTls(lab(), forged)).status).toBe(401);
      expect((await ask(lab(), Object.entries(forged).flat())).status).toBe(401);
    });

    it.each(forgedCertificates)(
      `takes ${arePassedOn ? "the connection's" : 'none'}, whatever says %s`,
      async (_what, forge) => {
        const forged = forge(issueClient(lab(), 'admin'));
        expectOwner(await askOverTls(lab(), forged, issueClient(lab(), 'client-1')));
      },
    );

    it('takes none that another authority issued', async () => {
      const stranger = issueCertificate({
        subject: name({ CN: 'client-1' }),
        keys: ecKeys(),
        signature: 'ecdsa-sha256',
      });
      const answer = await askOverTls(lab(), {}, stranger).catch(() => undefined);
      expect(answer?.status).toBe(
        traits.strangeCertificate === 'is answered 400' ? 400 : undefined,
      );
    });
  });
}
