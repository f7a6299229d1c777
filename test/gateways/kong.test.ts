import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeGateway } from '../support/gateway-suite.ts';
import { type KongChanges, kongNeeds, startKong } from '../support/kong.ts';

function describeKong(variant: string, changesFor: (recipe: string) => KongChanges): void {
  describeGateway({
    gateway: 'kong',
    variant,
    startGateway: (home) =>
      startKong(home, {
        // The suite's clients have a name and a password, or a certificate.
        config: { verified_credential: undefined },
        service: { protocol: 'http', host: 'api.example.com', port: 80 },
        ...changesFor(join(home, 'countersign')),
      }),
    needs: kongNeeds,
    statusWhenDown: 503,
    challenges: 'joined in one line',
    statusOfTwoAuthorizations: 400,
    statusOfNomination: () => 400,
    pathOf: (path) => path,
    // Kong looks nowhere else, for its routes and the backend.
    absoluteForm: 'leaves it to Host',
    statusOfUnderscores: 200,
    connectionsAtMost: 1,
    strangeCertificate: 'is answered 400',
    passesTrailers: false,
  });
}

describeKong('plugin', () => ({}));

describeKong('function of post-function', (recipe) => ({
  functions: { access: readFileSync(join(recipe, 'post-function.lua'), 'utf8') },
  requires: ['resty.http'],
}));
