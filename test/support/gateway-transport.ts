import { createHash, randomBytes } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { expect, it } from '@jest/globals';
import { alice, ask, forgedToken, seenBy } from './gateway-client.ts';
import type { GatewayLab } from './gateway-lab.ts';
import type { GatewayTraits } from './gateway-traits.ts';
import { basic } from './process.ts';
import { send } from './service.ts';

/** Bodies, connections, versions of HTTP. */
export function testTransport(traits: GatewayTraits, lab: () => GatewayLab): void {
  it('passes a body of 5 MB untouched, and asks without it', async () => {
    const body = randomBytes(2_500_000).toString('hex');
    const answer = await send({
      port: lab().httpPort,
      path: '/upload',
      method: 'POST',
      headers: [
        ...['Host', 'api.example.com', 'Authorization', alice],
        ...['Content-Length', String(body.length), 'Expect', '100-continue'],
      ],
      body,
    });
    expect(answer.status).toBe(200);
    const bodySha256 = createHash('sha256').update(body).digest('hex');
    expect(seenBy(answer)).toMatchObject({ method: 'POST', bodyBytes: 5_000_000, bodySha256 });
    expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice', method: 'POST' });
  });

  it('keeps its connections to Countersign', async () => {
    await ask(lab(), ['Authorization', alice]);
    const before = lab().connections();
    for (let n = 0; n < 20; n++) {
      const answer = await ask(lab(), ['Authorization', basic(`user-${n}`, 'x')]);
      expect(answer.status).toBe(200);
    }
    expect(lab().connections() - before).toBeLessThanOrEqual(traits.connectionsAtMost);
  });

  it('serves HTTP/2 clients', async () => {
    const body = await overHttp2(lab(), { authorization: alice, 'x-custom-jwt': forgedToken });
    expect(seenBy({ body }).claims).toMatchObject({ client_id: 'alice', scheme: 'https' });
    expect(body).not.toContain(forgedToken);
  });
}

function overHttp2(lab: GatewayLab, headers: Record<string, string>): Promise<string> {
  const client = connectHttp2(`https://127.0.0.1:${lab.httpsPort}`, {
    servername: 'api.example.com',
    ca: lab.server.pem,
    checkServerIdentity: () => undefined,
  });
  return new Promise<string>((resolve, reject) => {
    const stream = client.request({
      ':path': '/h2',
      ':authority': 'api.example.com',
      ...headers,
    });
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('end', () => resolve(text)).on('error', reject);
  }).finally(() => client.close());
}
