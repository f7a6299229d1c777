import { join } from 'node:path';
import { describeGateway } from '../support/gateway-suite.ts';
import { start } from '../support/process.ts';
import { programs } from '../support/programs.ts';

describeGateway({
  gateway: 'envoy',
  startGateway: (home) =>
    start(
      programs.envoy,
      ['-c', 'envoy.yaml', '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error'],
      { cwd: join(home, 'countersign') },
    ),
  needs: ['envoy'],
  statusWhenDown: 503,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header) => (header.startsWith('Authorization') ? 401 : 200),
  pathOf: (path) => path,
  statusOfUnderscores: 400,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});
