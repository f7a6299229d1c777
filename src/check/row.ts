/**
 * One line of what was tried. `failed`: the service would not start, or be of no use. `warning`: it
 * would start, and something would not work, or not for long.
 */
export interface Row {
  /** The key of the configuration. */
  readonly what: string;
  /** A file, an address, a directory. */
  readonly where: string;
  readonly result: 'good' | 'warning' | 'failed';
  /** For people; empty when there is nothing to say. */
  readonly why: string;
}

const heads = { what: 'what', where: 'where', result: 'result', why: 'why' };

/** @returns the rows as text in columns */
export function writeTable(rows: readonly Row[]): string {
  const lines = [heads, ...rows];
  const width = (column: keyof Row) => Math.max(...lines.map((line) => line[column].length));
  const widths = { what: width('what'), where: width('where'), result: width('result') };
  return lines
    .map(({ what, where, result, why }) =>
      [
        ...[what.padEnd(widths.what), where.padEnd(widths.where), result.padEnd(widths.result)],
        // Nothing that a file or a stranger says may begin a line.
        why.replaceAll(/\s+/g, ' '),
      ]
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
