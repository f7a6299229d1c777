import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { recipes } from '../support/gateway-lab.ts';
import { checkPlugin, kongNeeds } from '../support/kong.ts';
import { endAll, isMissing } from '../support/process.ts';

const recipe = join(recipes, 'kong');
const defaults = {
  url: 'http://127.0.0.1:8080/auth/kong',
  ssl_verify: true,
  connect_timeout: 1000,
  send_timeout: 1000,
  read_timeout: 3000,
  keepalive_timeout: 60000,
  keepalive_pool: 32,
  token_header: 'X-Custom-Jwt',
  headers: [],
  credential_headers: ['Authorization', 'apikey'],
  hide_credentials: false,
};

async function configured(config: Readonly<Record<string, unknown>>) {
  const { code, stdout, stderr } = await checkPlugin({ name: 'countersign', config });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

(kongNeeds.some(isMissing) ? describe.skip : describe)("the schema of Kong's plugin", () => {
  afterEach(endAll);

  it('needs no setting at all', async () => {
    const { config, protocols } = await configured({});
    expect(config).toEqual(defaults);
    // Where the plugin does not run, nothing takes a forged token away.
    expect(protocols).toEqual(['grpc', 'grpcs', 'http', 'https']);
  });

  it('has every setting in its README, with the default', () => {
    const readme = readFileSync(join(recipe, 'README.md'), 'utf8');
    const optional = ['downstream_header', 'verified_credential', 'secret'];
    for (const name of [...Object.keys(defaults), ...optional]) {
      expect(readme).toContain(`| \`${name}\` |`);
    }
    for (const [name, value] of Object.entries(defaults)) {
      const text = Array.isArray(value) ? value.join('`, `') || 'none' : String(value);
      expect(readme).toMatch(new RegExp(`\\| \`${name}\` \\| .?${text}.? \\|`));
    }
  });

  it.each([
    { url: 'https://countersign.internal:8443/auth/edge', ssl_verify: false },
    { headers: ['X-Client-Id'], downstream_header: 'X-Custom-Jwt-Out' },
    { secret: '{vault://env/countersign-secret}', verified_credential: 'client_certificate' },
    { token_header: 'Authorization', hide_credentials: true, credential_headers: [] },
  ])('takes %j', async (config) => {
    expect((await configured(config)).config).toMatchObject(config);
  });

  it.each([
    [{ url: 'ftp://127.0.0.1/auth/kong' }, 'config.url: must be'],
    [{ url: 'http://127.0.0.1:8080' }, 'config.url: must be'],
    [{ url: 'http://user:secret@127.0.0.1/auth/kong' }, 'config.url: must be'],
    [{ url: 'http://127.0.0.1:8080/auth/kong?x=1' }, 'config.url: must be'],
    [{ read_timeout: 0 }, 'config.read_timeout: value should be between 1 and 60000'],
    [{ connect_timeout: 1.5 }, 'config.connect_timeout: expected integer'],
    [{ keepalive_pool: 0 }, 'config.keepalive_pool: value should be between'],
    [{ token_header: 'X Custom' }, 'config.token_header: bad header name'],
    [{ token_header: '' }, 'config.token_header: bad header name'],
    [{ headers: ['X:Y'] }, 'config.headers[1]: bad header name'],
    [{ verified_credential: 'digest' }, 'config.verified_credential: expected one of'],
    [{ secret: '' }, 'config.secret: too short'],
    [{ tokenheader: 'X' }, 'config.tokenheader: unknown field'],
  ])('refuses %j', async (config, problem) => {
    const { code, stderr } = await checkPlugin({ name: 'countersign', config });
    expect(code).not.toBe(0);
    expect(stderr).toContain(problem);
  });

  it('is for no single consumer: all others could forge tokens', async () => {
    const { code, stderr } = await checkPlugin({ name: 'countersign', consumer: 'alice' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('consumer: value must be null');
  });

  it('takes the plugin of the shipped declarative file', async () => {
    const { services } = parse(readFileSync(join(recipe, 'kong.yaml'), 'utf8'));
    const [{ plugins }] = services;
    const names = plugins.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['key-auth', 'countersign']);
    const { code, stdout } = await checkPlugin(plugins[1]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).config).toMatchObject({ ...defaults, ...plugins[1].config });
  });
});
