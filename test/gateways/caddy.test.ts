import { join } from 'node:path';
import { describeGateway } from '../support/gateway-suite.ts';
import { start } from '../support/process.ts';

describeGateway({
  gateway: 'caddy',
  startGateway: (home) =>
    start('caddy', ['run', '--config', 'example.Caddyfile', '--adapter', 'caddyfile'], {
      cwd: join(home, 'countersign'),
      env: { XDG_DATA_HOME: home, XDG_CONFIG_HOME: home },
    }),
  needs: ['caddy'],
  statusWhenDown: 502,
  statusWhenSlow: 504,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: () => 400,
  pathOf: (path) => path,
  statusOfUnderscores: 200,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});
