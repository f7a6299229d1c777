import { join } from 'node:path';

const python = join(import.meta.dirname, '..', '..', '.cache', 'python', 'bin');

/** Programs that the set-up keeps for the tests, and does not install into the system. */
export const programs = { envoy: join(python, 'envoy') };
