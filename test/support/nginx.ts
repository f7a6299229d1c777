import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Started, start } from './process.ts';

/** Starts nginx on the shipped example. */
export function startNginx(home: string): Started {
  return startNginxWith(home, 'countersign/example.conf');
}

/**
 * @param file what stands inside http { }; relative to `home`
 * @param modules what to load, from Debian's folder
 */
export function startNginxWith(
  home: string,
  file: string,
  modules: readonly string[] = [],
): Started {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const load = modules.map((name) => `load_module /usr/lib/nginx/modules/${name}.so;`);
  const settings = `
${load.join('\n')}
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
