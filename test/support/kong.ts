import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { recipes } from './gateway-lab.ts';
import { loadModules, luaModules, startNginxWith } from './nginx.ts';
import { type Ended, freshDirectory, type Started, start } from './process.ts';

/** What the tests change in the shipped configuration, and what they put in Kong's place. */
export interface KongChanges {
  /** Laid over the plugin's configuration; undefined removes. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What the router knows of the Service; null for a route without one. Else that of the file. */
  readonly service?: KongService | null;
  /** The consumer of a user name, where it is not made up. */
  readonly consumers?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What a plugin that verifies certificates itself would leave. */
  readonly clientVerify?: string;
  /** Text of the phases of post-function, which then runs in the place of the plugin. */
  readonly functions?: Readonly<Record<string, string>>;
  /** What `untrusted_lua_sandbox_requires` names. */
  readonly requires?: readonly string[];
}

export interface KongService {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly path?: string;
}

/** What a Kong needs that runs the plugin: it is nginx with its Lua module. */
export const kongNeeds = ['nginx', 'libnginx-mod-http-lua'];

const support = join(import.meta.dirname, 'kong');

/**
 * Starts nginx with the plugin and stand-ins for Kong's kit and for lua-resty-http, configured by
 * the shipped kong.conf and kong.yaml.
 */
export function startKong(home: string, changes: KongChanges = {}): Started {
  const recipe = join(home, 'countersign');
  const { services } = parse(readFileSync(join(recipe, 'kong.yaml'), 'utf8'));
  const [{ url, plugins, routes }] = services;
  const plugin = plugins.find(({ name }: { name: string }) => name === 'countersign');
  const settings = {
    plugin: { ...plugin, config: { ...plugin.config, ...changes.config } },
    service: changes.service === undefined ? readService(url) : changes.service,
    consumers: changes.consumers ?? {},
    client_verify: changes.clientVerify,
    functions: changes.functions,
    requires: Object.fromEntries((changes.requires ?? []).map((name) => [name, true])),
  };
  writeFileSync(join(home, 'settings.lua'), `return ${toLua(settings)}\n`);
  writeFileSync(join(home, 'kong-site.conf'), configure(home, url, routes[0].preserve_host));
  return startNginxWith(home, 'kong-site.conf', luaModules);
}

/**
 * Checks a plugin's configuration, as it stands in a declarative file, with the shipped schema.
 * @returns the process's end: standard output holds the configuration with all defaults, as JSON
 */
export function checkPlugin(plugin: Readonly<Record<string, unknown>>): Promise<Ended> {
  const home = freshDirectory();
  writeFileSync(
    join(home, 'nginx.conf'),
    `
${loadModules(luaModules)}
error_log stderr;
events {}
http {
  lua_package_path "${join(recipes, 'kong')}/?.lua;${support}/?.lua;;";
  init_by_lua_block {
    local plugin = require("checked")(require "kong.plugins.countersign.schema", ${toLua(plugin)})
    io.stdout:write(require("json")(plugin))
    io.stdout:flush()
    os.exit(0)
  }
}
`,
  );
  return start('nginx', ['-p', home, '-c', join(home, 'nginx.conf'), '-e', 'stderr']).ended;
}

function readService(url: string): KongService {
  const { protocol, hostname, port } = new URL(url);
  return { protocol: protocol.slice(0, -1), host: hostname, port: Number(port) || 80 };
}

function toLua(value: unknown): string {
  if (value === undefined || value === null) return 'nil';
  if (Array.isArray(value)) return `{ ${value.map(toLua).join(', ')} }`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).map(
      ([name, each]) => `[${quote(name)}] = ${toLua(each)}`,
    );
    return `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'string' ? quote(value) : String(value);
}

function quote(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')];
  return `"${bytes.map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}

function configure(home: string, backend: string, preservesHost?: boolean): string {
  const conf = readFileSync(join(home, 'countersign', 'kong.conf'), 'utf8');
  const [plain = '', overTls = ''] = /^proxy_listen = (.*)$/m.exec(conf)?.[1]?.split(', ') ?? [];
  return `
underscores_in_headers on;
lua_socket_log_errors off;
lua_package_path "${home}/countersign/?.lua;${support}/?.lua;;";
init_by_lua_block {
  kong = require "pdk"
  require("runloop").load("${home}/settings.lua")
}
server {
  listen ${plain};
  listen ${overTls};
  ssl_certificate ${home}/tls/server.pem;
  ssl_certificate_key ${home}/tls/server.key;
  ssl_client_certificate ${home}/tls/clients-ca.pem;
  ssl_verify_client optional;
  access_by_lua_block { require("runloop").access() }
  header_filter_by_lua_block { require("runloop").header_filter() }
  location / {
    proxy_pass ${backend};
    ${preservesHost ? 'proxy_set_header Host $http_host;' : ''}
    proxy_http_version 1.1;
  }
}
`;
}
