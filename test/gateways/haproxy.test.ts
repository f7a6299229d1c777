import { join } from 'node:path';
import { describeGateway } from '../support/gateway-suite.ts';
import { start } from '../support/process.ts';

describeGateway({
  gateway: 'haproxy',
  startGateway: (home) =>
    start('haproxy', ['-db', '-f', 'haproxy.cfg'], { cwd: join(home, 'countersign') }),
  needs: ['haproxy'],
  statusWhenDown: 503,
  statusOfTwoAuthorizations: 400,
  statusOfNomination: () => 200,
  pathOf: (path) => path,
  absoluteForm: 'is refused',
  statusOfUnderscores: 200,
  connectionsAtMost: 4,
  strangeCertificate: 'ends the handshake',
  passesTrailers: true,
});
