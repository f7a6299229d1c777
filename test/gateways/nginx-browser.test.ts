import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { startNginx } from '../support/nginx.ts';
import { freshDirectory, isMissing } from '../support/process.ts';

const settings = `
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
`;

const missing = isMissing('nginx') || isMissing('chromium');

(missing ? describe.skip : describe)('a browser behind nginx', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await startGatewayLab({ gateway: 'nginx', settings, startGateway: startNginx });
  }, 60_000);
  afterAll(() => lab.close());

  it('shows what the backend learned from the verified token', async () => {
    const { page } = await open(`http://alice:secret@127.0.0.1:${lab.httpPort}/page`);
    expect(page).toContain('"client_id":"alice"');
    expect(page).toContain('"aud":"http://127.0.0.1"');
  }, 90_000);

  it('is asked for a credential when it has none', async () => {
    const before = lab.backend.seen.length;
    const { page, complaints } = await open(`http://127.0.0.1:${lab.httpPort}/page`);
    expect(page.trim()).toBe('');
    expect(complaints).toContain('ERR_INVALID_AUTH_CREDENTIALS');
    expect(lab.backend.seen.slice(before)).toEqual([]);
  }, 90_000);
});

/** @returns the page as the browser has it once it is loaded, and what kept it from loading it */
async function open(url: string): Promise<{ page: string; complaints: string }> {
  const { stdout, stderr } = await promisify(execFile)('chromium', [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...[`--user-data-dir=${freshDirectory()}`, '--dump-dom', url],
  ]);
  return { page: stdout, complaints: stderr };
}
