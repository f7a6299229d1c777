import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readApisixRecipe } from '../support/apisix.ts';
import { type Backend, createBackend } from '../support/backend.ts';
import { luaModules, startNginxWith } from '../support/nginx.ts';
import {
  freePorts,
  freshDirectory,
  isMissing,
  listenAnywhere,
  type Started,
  statusOf,
  until,
} from '../support/process.ts';
import { send } from '../support/service.ts';

const missing = isMissing('nginx') || isMissing('libnginx-mod-http-lua');

/** The function of the recipe under nginx with Lua, of which APISIX is made; APISIX calls it alike. */
(missing ? describe.skip : describe)("the function of APISIX's recipe", () => {
  let backend: Backend;
  let program: Started;
  let port: number;
  beforeAll(async () => {
    const { preFunction } = readApisixRecipe();
    const home = freshDirectory();
    backend = createBackend({ jwksUrl: 'http://127.0.0.1:1/jwks', issuer: 'none' });
    const backendPort = await listenAnywhere(backend.server);
    [port = 0] = await freePorts(1);
    writeFileSync(join(home, 'function.lua'), preFunction.functions[0] ?? '');
    writeFileSync(
      join(home, 'function.conf'),
      `
underscores_in_headers on;
server {
    listen 127.0.0.1:${port};
    location / {
        rewrite_by_lua_block {
            local status = dofile("${home}/function.lua")({}, {})
            if status then
                return ngx.exit(status)
            end
        }
        proxy_pass http://127.0.0.1:${backendPort};
    }
}
`,
    );
    program = startNginxWith(home, 'function.conf', luaModules);
    await until(async () => (await statusOf({ port, path: '/' })) !== undefined, program);
  }, 60_000);
  afterAll(async () => {
    program.kill('SIGTERM');
    await program.ended;
    backend.server.close();
  });

  const ask = (...headers: string[]) =>
    send({ port, path: '/', headers: ['Host', 'a', ...headers] });

  it.each(['X-Custom-Jwt', 'x-custom-jwt', 'X_Custom_Jwt', 'X.Custom.Jwt'])(
    "drops the client's %s",
    async (name) => {
      const answer = await ask(name, 'evil', name, 'evil', 'X-Other', 'kept');
      expect(answer.status).toBe(200);
      expect(answer.body).not.toContain('evil');
      expect(answer.body).toContain('kept');
    },
  );

  it.each(['Authorization', 'apikey'])('refuses two %s lines', async (name) => {
    expect((await ask(name, 'one')).status).toBe(200);
    expect((await ask(name, 'one', name, 'two')).status).toBe(400);
  });

  it.each(['API.example.com', 'api.example.com:8000', 'api.example.com.', '[::1]:8000', '[::1]'])(
    'takes %s in the Host line',
    async (host) => {
      expect((await send({ port, path: '/', headers: ['Host', host] })).status).toBe(200);
    },
  );

  it('refuses a host in the request line that the Host line does not name', async () => {
    const askFor = (host: string) =>
      send({ port, path: `http://${host}/`, headers: ['Host', 'api.example.com'] });
    expect((await askFor('api.example.com')).status).toBe(200);
    expect((await askFor('other.example.com')).status).toBe(400);
  });

  it('refuses more header lines than it can look at', async () => {
    const many = Array.from({ length: 101 }, (_, n) => [`X-${n}`, 'x']).flat();
    expect((await ask(...many)).status).toBe(400);
  });
});
