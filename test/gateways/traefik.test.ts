import { posix } from 'node:path';
import { describeGateway } from '../support/gateway-suite.ts';
import { startTraefik, startTraefikWithLabels } from '../support/traefik.ts';

const traits = {
  gateway: 'traefik',
  needs: ['traefik'],
  statusWhenDown: 500,
  // It waits 30 s for an answer, which cannot be set.
  waitsAtMost: 40_000,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header: string) => (header.startsWith('Authorization') ? 401 : 200),
  // Cleaned, with escapes in capitals.
  pathOf: (path: string) =>
    posix.normalize(path).replace(/%[0-9a-f]{2}/gi, (it) => it.toUpperCase()),
  statusOfUnderscores: 200,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
} as const;

describeGateway({ ...traits, startGateway: startTraefik });

describeGateway({
  ...traits,
  variant: 'labels',
  startGateway: startTraefikWithLabels,
  waitsAsAnotherVariant: true,
  // Labels cannot drop X.Custom.Jwt, so Countersign gets to see and refuses it.
  statusOfDots: 401,
});
