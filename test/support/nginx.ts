import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Started, start } from './process.ts';

/** What nginx does by itself, whatever writes its configuration. */
export const nginxTraits = {
  needs: ['nginx'],
  statusWhenDown: 500,
  statusWhenIssuerDown: 403,
  passesRetryAfter: false,
  // Newer ones than 1.22 pass all.
  challenges: 'the first alone',
  statusOfTwoAuthorizations: 400,
  statusOfNomination: () => 200,
  pathOf: (path: string) => path,
  statusOfUnderscores: 200,
  connectionsAtMost: 1,
  strangeCertificate: 'is answered 400',
  passesTrailers: false,
} as const;

/** Its Lua, for `startNginxWith`. */
export const luaModules = ['ndk_http_module', 'ngx_http_lua_module'];

/** @param modules from Debian's folder */
export function loadModules(modules: readonly string[]): string {
  return modules.map((name) => `load_module /usr/lib/nginx/modules/${name}.so;`).join('\n');
}

/** Starts nginx on the shipped example. */
export function startNginx(home: string): Started {
  return startNginxWith(home, 'countersign/example.conf');
}

/**
 * @param file what stands inside http { }; relative to `home`
 * @param modules what to load
 */
export function startNginxWith(
  home: string,
  file: string,
  modules: readonly string[] = [],
): Started {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const settings = `
${loadModules(modules)}
daemon off;
pid ${home}/nginx.pid;
error_log stderr;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  client_max_body_size 20m;
  ${temporary.map((kind) => `${kind}_temp_path ${home}/${kind};`).join(' ')}
  include ${file};
}
`;
  writeFileSync(join(home, 'nginx.conf'), settings);
  return start('nginx', ['-p', home, '-c', join(home, 'nginx.conf'), '-e', 'stderr'], {
    cwd: home,
  });
}
