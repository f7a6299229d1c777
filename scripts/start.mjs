/** `npm start`: sets up what is missing, then serves; with the built-in configuration when there is none. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, installDependencies, root } from './setup.mjs';

installDependencies();
build();
const given = process.argv.slice(2);
const configured =
  process.env.COUNTERSIGN_CONFIG !== undefined ||
  given.some((word) => word === '--dev' || word.startsWith('--config')) ||
  existsSync('countersign.yaml');
process.argv.splice(2, process.argv.length, 'serve', ...(configured ? [] : ['--dev']), ...given);
await import(join(root, 'dist', 'main.js'));
