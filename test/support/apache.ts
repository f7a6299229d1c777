import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Started, start } from './process.ts';

const modules = [
  ...['mpm_event', 'authz_core', 'authn_core', 'headers', 'http2', 'lua', 'proxy', 'proxy_http'],
  ...['socache_shmcb', 'ssl'],
];

/** Starts Apache httpd on the shipped example. */
export function startApache(home: string): Started {
  const load = modules.map(
    (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
  );
  const settings = `
ServerRoot ${home}
PidFile ${home}/apache.pid
DefaultRuntimeDir ${home}
ErrorLog ${home}/error.log
LogLevel error
ServerName api.example.com
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
${load.join('\n')}
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
ServerLimit 1
MinSpareThreads 1
MaxSpareThreads 8
Include countersign/example.conf
`;
  writeFileSync(join(home, 'apache.conf'), settings);
  // Its worker is another user, and reads the script.
  for (const directory of [join(home, '..'), home]) chmodSync(directory, 0o755);
  return start('apache2', ['-DFOREGROUND', '-f', join(home, 'apache.conf')], { cwd: home });
}
