import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Node } from './nodes.ts';
import { columns, type Row, verdictOf } from './row.ts';

/** How busy others kept the machine before anything was measured. */
const loadBefore = loadavg()[0] ?? 0;

/** What one Node showed. */
export interface Section {
  readonly node: Node;
  readonly rows: readonly Row[];
}

export function headLine(): string {
  return printed(['workload', ...columns, 'bound']);
}

export function printRow(row: Row): string {
  const { name, cells } = row;
  const line = printed([name, ...columns.map((column) => cells[column]), verdictOf(row)]);
  return name === 'start' || name === 'soak' ? `${line}\n  ${row.title}` : line;
}

function printed([name = '', ...cells]: readonly string[]): string {
  const last = cells.length - 1;
  const padded = cells.map((cell, at) => (at === last ? `  ${cell}` : cell.padStart(11)));
  return `${name.padEnd(20)}${padded.join('')}`;
}

/** @returns the text of RESULTS.md */
export function writeReport(sections: readonly Section[], command: string): string {
  const [first] = sections;
  if (first === undefined) throw new Error('nothing was measured');
  return [
    '# Results',
    '',
    `<!-- Written by the benchmark: run it again rather than change it here. -->`,
    '',
    `- Command: \`${command}\``,
    ...machineLines(),
    '',
    'What the columns mean, and how to read them: [README.md](README.md).',
    '',
    `## On Node ${first.node.version}`,
    '',
    ...table(
      ['workload', ...columns, 'bound'],
      first.rows.map((row) => [
        `${row.title} (\`${row.name}\`)`,
        ...columns.map((column) => row.cells[column]),
        verdictOf(row),
      ]),
    ),
    ...(sections.length > 1 ? ['', ...comparison(sections)] : []),
    '',
  ].join('\n');
}

function machineLines(): string[] {
  const [processor] = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const generators = ['wrk', 'h2load'].map(versionOf).filter((text) => text !== '');
  return [
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Machine: ${cpus().length} × ${processor?.model ?? 'unknown'}, ${memory}, Linux ${release()}`,
    `- Commit: ${execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()}`,
    `- Load: ${generators.join(', ')}; the load average before was ${loadBefore.toFixed(1)}`,
  ];
}

function versionOf(program: string): string {
  // wrk prints its version with its usage, and calls that a failure.
  const command = `${program} --version 2>&1 | head -n 1`;
  const line = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  return `${program} ${/\d+\.\d+\.\d+/.exec(line)?.[0] ?? 'unknown'}`;
}

/** CPU time and ratio of each workload that every Node ran. */
function comparison(sections: readonly Section[]): string[] {
  const named = (rows: readonly Row[], name: string) => rows.find((row) => row.name === name);
  const common = (sections[0]?.rows ?? []).filter(
    ({ name, cells }) => cells.ratio !== '' && sections.every(({ rows }) => named(rows, name)),
  );
  const figures = ({ rows }: Section, name: string) => {
    const cells = named(rows, name)?.cells;
    return `${cells?.['CPU µs']} (${cells?.ratio})`;
  };
  return [
    '## Node by Node',
    '',
    'CPU µs per request, and the ratio to the floor on the same Node.',
    '',
    ...table(
      ['workload', ...sections.map(({ node }) => node.version)],
      common.map(({ name, title }) => [
        title,
        ...sections.map((section) => figures(section, name)),
      ]),
    ),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = `|---|${'---:|'.repeat(head.length - 1)}`;
  return [line(head), rule, ...rows.map(line)];
}
