/** Writes what is made of the configuration's schema: two files of docs/, and a part of the chart's schema. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createJsonSchema, type JsonSchema, listRows, type Row } from '../src/config/table.ts';

const root = resolve(import.meta.dirname, '..');
const docs = join(root, 'docs');
const chartSchema = 'k8s/helm/countersign/values.schema.json';

const introduction = `# Configuration

<!-- Generated from src/config/schema by \`npm run docs\`: change it there. -->

One YAML file, \`countersign.yaml\`, or what \`--config\` or \`COUNTERSIGN_CONFIG\` names. \`countersign check\`
validates it; for an editor, begin it as the example does with the line that names the
[JSON Schema](configuration.schema.json).

- \`\${NAME}\` in a value reads the environment, and \`\${NAME:-default}\` has a default; an unset variable is an
  error, and \`$\${\` stands for \`\${\`. A value from the environment never becomes structure.
- File names start at the directory of the configuration file. Of a key that holds a secret, the twin that ends in
  \`_file\` names a file with it.
- A *duration* is \`30m\`, \`90s\`, \`1h30m\`, \`500ms\`, \`30d\`, or a number of seconds; a *size* is \`64MiB\`, \`512KiB\`, or
  a number of bytes.
- A *CEL expression* sees \`client_id\`, \`subject\`, \`claims\` (of the incoming credential), \`credential\`, \`consumer\`,
  \`request\` and \`route\`.

In the tables, \`[]\` stands for any item of a list and \`<name>\` for a name of your own.

## Example

`;

/** @returns the files by name, as they should be */
export function renderDocs(): Readonly<Record<string, string>> {
  const example = readFileSync(join(docs, 'configuration.example.yaml'), 'utf8');
  const sections = Object.keys(createJsonSchema().properties ?? {}).map(renderSection);
  return {
    'docs/configuration.md': `${introduction}\`\`\`yaml\n${example}\`\`\`\n\n${sections.join('\n')}`,
    'docs/configuration.schema.json': `${JSON.stringify(createJsonSchema(), undefined, 2)}\n`,
    [chartSchema]: renderChartSchema(),
  };
}

/** The rest of it is written by hand. */
function renderChartSchema(): string {
  const schema = JSON.parse(readFileSync(join(root, chartSchema), 'utf8'));
  const { $schema: _, ...config } = createJsonSchema() as JsonSchema & { $schema?: string };
  schema.properties.config = config;
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

function renderSection(name: string): string {
  const rows = listRows().filter(({ steps }) => steps[0] === name);
  const table = rows.map(
    (row) =>
      `| \`${renderKey(row.steps)}\` | ${renderType(row.schema)} | ${renderDefault(row)} | ${row.schema.description ?? ''} |`,
  );
  const head = ['| key | type | default | meaning |', '|---|---|---|---|'];
  return `${[`## ${name}`, '', ...head, ...table].join('\n')}\n`;
}

function renderKey(steps: readonly string[]): string {
  return steps.join('.').replaceAll('.*', '[]');
}

function renderDefault({ schema, required }: Row): string {
  if (required) return '**required**';
  if (schema.default === undefined) return '';
  const text = typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default);
  return `\`${text}\``;
}

function renderType(schema: JsonSchema): string {
  const { title, anyOf, items, additionalProperties } = schema;
  if (title) return title;
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (anyOf) return [...new Set(anyOf.map(renderType))].join('; or ');
  if (items) return `list of ${renderType(items)}${items.enum ? '' : 's'}`;
  if (typeof additionalProperties === 'object') return 'map by name';
  return { object: 'map', boolean: '`true`, `false`' }[String(schema.type)] ?? renderScalar(schema);
}

function renderScalar({ type }: JsonSchema): string {
  return typeof type === 'string' ? type : 'any JSON value';
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, text] of Object.entries(renderDocs())) writeFileSync(join(root, name), text);
}
