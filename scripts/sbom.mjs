/** `npm run --silent sbom`: a bill of materials (CycloneDX, JSON) of what the service needs to run. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installDependencies, root } from './setup.mjs';

installDependencies();
const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application'];
const { status, stdout } = spawnSync('npm', args, {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status !== 0) process.exit(status ?? 1);

const bom = JSON.parse(stdout);
// npm names it after the directory of the checkout.
bom.metadata.component.name = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name;
// Not by --omit=dev: that leaves out too what the service shares with development.
const isForDevelopment = ({ properties = [] }) =>
  properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
bom.components = bom.components.filter((component) => !isForDevelopment(component));
const kept = new Set([bom.metadata.component, ...bom.components].map((each) => each['bom-ref']));
bom.dependencies = bom.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) }));
console.log(JSON.stringify(bom, null, 2));
