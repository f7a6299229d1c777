/** `npm run bench`: measures, prints, writes RESULTS.md; ends with 1 when a figure is over its bound. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNode, majors, type Node, thisNode } from './nodes.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { headLine, printRow, type Section, writeReport } from './report.ts';
import { isOver, type Row, rowOf } from './row.ts';
import { runWorkload } from './run.ts';
import { saturate } from './saturation.ts';
import { soak } from './soak.ts';
import { measureStartup } from './startup.ts';
import { workloads } from './workloads.ts';

interface Job {
  readonly name: string;
  readonly quick: boolean;
  /** @param patience by how much longer than usual it may measure */
  readonly run: (node: Node, patience: number) => Promise<Row>;
}

function jobsOf({ seconds, soakMinutes }: Options): readonly Job[] {
  const measured = workloads.map((workload) => ({
    ...workload,
    run: async ({ program }: Node, patience: number) =>
      rowOf(await runWorkload(workload, { node: program, seconds: seconds * patience })),
  }));
  return [
    ...measured,
    { name: 'start', quick: true, run: ({ program }) => measureStartup(program) },
    {
      name: 'saturated',
      quick: true,
      run: ({ program }, patience) => saturate(program, seconds * patience),
    },
    { name: 'soak', quick: false, run: ({ program }) => soak(program, soakMinutes) },
  ];
}

const names = [...workloads.map(({ name }) => name), 'start', 'saturated', 'soak'];

/** One thing at a time: they would take the machine from one another. */
async function measure(node: Node, jobs: readonly Job[]): Promise<Section> {
  console.log(`\nNode ${node.version}\n${headLine()}`);
  const rows: Row[] = [];
  for (const job of jobs) {
    let row = await job.run(node, 1);
    // On a machine that others use, too, a short look can be wrong: only a second one counts.
    if (isOver(row)) row = await job.run(node, 2);
    console.log(printRow(row));
    rows.push(row);
  }
  return { node, rows };
}

async function main(args: readonly string[]): Promise<boolean> {
  const options = parseOptions(args, names);
  const all = jobsOf(options);
  const quick = all.filter((job) => job.quick);
  const { only } = options;
  const narrow = only.length > 0 ? all.filter(({ name }) => only.includes(name)) : quick;
  const isNarrow = options.quick || only.length > 0;
  const nodes = options.nodes?.map(findNode) ?? [thisNode];
  const sections: Section[] = [];
  for (const node of nodes) sections.push(await measure(node, isNarrow ? narrow : all));
  if (!isNarrow) {
    const others = options.nodes === undefined ? majors.map(findNode) : [];
    for (const node of others) if (node !== thisNode) sections.push(await measure(node, quick));
    const report = join(import.meta.dirname, 'RESULTS.md');
    const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
    writeFileSync(report, writeReport(sections, command));
  }
  return sections.some(({ rows }) => rows.some(isOver));
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 1 : 0;
} catch (error) {
  const isMistake =
    error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  console.error(isMistake ? `${(error as Error).message}\n\n${usage}` : error);
  process.exitCode = isMistake ? 2 : 1;
}
