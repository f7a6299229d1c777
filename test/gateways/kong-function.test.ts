import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { recipes, startGatewayLab } from '../support/gateway-lab.ts';
import { kongNeeds, startKong } from '../support/kong.ts';
import { basic, isMissing } from '../support/process.ts';
import { claimsOf, send } from '../support/service.ts';

const settings = `
gateways: { kong: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: upstream, downstream_header: X-Custom-Jwt-Out }
`;
const alice = ['Authorization', basic('alice', 'secret')];

const read = (file: string) => readFileSync(join(recipes, 'kong', file), 'utf8');
const handler = 'kong/plugins/countersign/handler.lua';
const schema = 'kong/plugins/countersign/schema.lua';

function startLab(requires: readonly string[], change: (text: string) => string) {
  return startGatewayLab({
    gateway: 'kong',
    settings,
    startGateway(home) {
      const text = readFileSync(join(home, 'countersign', 'post-function.lua'), 'utf8');
      const [, filter = ''] = /```lua\n(.*?)```/s.exec(read('README.md')) ?? [];
      return startKong(home, {
        functions: { access: change(text), header_filter: filter },
        requires,
      });
    },
  });
}

// What it shares with the plugin is run by the suite that all gateways have, in kong.test.ts.
(kongNeeds.some(isMissing) ? describe.skip : describe)("Kong's plugin as a function", () => {
  it('is the same code', () => {
    const shared = (file: string) =>
      /^-- The same in .* from here on\n(.*)^-- The same in .* up to here\n/ms.exec(
        read(file),
      )?.[1];
    expect(shared(handler)).toContain('local function access(conf)');
    expect(shared('post-function.lua')).toBe(shared(handler));
  });

  it('has the same settings', () => {
    const ours = [...read('post-function.lua').matchAll(/^ {2}(\w+) = .*,$/gm)];
    const config = /^local config = \{(.*?)^\}/ms.exec(read(schema))?.[1] ?? '';
    const theirs = [...config.matchAll(/^ {2}\{ (\w+) = /gm)];
    const names = (matches: RegExpMatchArray[]) => matches.map(([, name]) => name).sort();
    expect(names(ours)).toEqual(names(theirs));
    expect(ours.length).toBeGreaterThan(10);
  });

  it('gives the client a token too, with the second function', async () => {
    const lab = await startLab(['resty.http'], (text) =>
      text.replace('downstream_header = nil', 'downstream_header = "X-Custom-Jwt-Out"'),
    );
    try {
      const ask = (headers: readonly string[]) =>
        send({ port: lab.httpPort, path: '/', headers: ['Host', 'api.example.com', ...headers] });
      for (let n = 0; n < 2; n++) {
        const claims = claimsOf((await ask(alice)).headers['x-custom-jwt-out']);
        expect(claims).toMatchObject({ client_id: 'alice', act: { client_id: 'id-of-alice' } });
      }
      const refused = await ask([]);
      expect(refused.status).toBe(401);
      expect(refused.headers['x-custom-jwt-out']).toBeUndefined();
    } finally {
      await lab.close();
    }
  });

  it('lets nobody through where the sandbox has no HTTP for it', async () => {
    const lab = await startLab([], (text) => text);
    try {
      const headers = ['Host', 'api.example.com', ...alice];
      expect((await send({ port: lab.httpPort, path: '/', headers })).status).toBe(500);
      expect(lab.backend.seen).toEqual([]);
    } finally {
      await lab.close();
    }
  });
});
