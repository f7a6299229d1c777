import { join, posix } from 'node:path';
import { describeGateway } from '../support/gateway-suite.ts';
import { start } from '../support/process.ts';
import { programs } from '../support/programs.ts';

describeGateway({
  gateway: 'traefik',
  startGateway: (home) =>
    start(programs.traefik, ['--configFile=traefik.yaml'], { cwd: join(home, 'countersign') }),
  needs: ['traefik'],
  statusWhenDown: 500,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header) => (header.startsWith('Authorization') ? 401 : 200),
  // Cleaned, with escapes in capitals.
  pathOf: (path) => posix.normalize(path).replace(/%[0-9a-f]{2}/gi, (it) => it.toUpperCase()),
  statusOfUnderscores: 200,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});
