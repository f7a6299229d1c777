import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessDescription } from '../../src/reload/describe-process.ts';
import { call, type Serving, until } from './process.ts';

/** What a process says of itself. */
export async function describeServing({ ports }: Serving): Promise<ProcessDescription> {
  return JSON.parse((await call({ port: ports.ops, path: '/readyz?verbose' })).body);
}

type Last = NonNullable<NonNullable<ProcessDescription['reload']>['last']>;

/** Sends SIGHUP, and waits for what came of it. */
export async function reload(serving: Serving): Promise<Last> {
  const before = (await describeServing(serving)).reload?.signals ?? 0;
  serving.kill('SIGHUP');
  return untilReload(serving, ({ signals }) => signals > before);
}

/** Waits until the last reload is one of that kind. */
export async function untilReload(
  serving: Serving,
  isMeant: (last: Last) => boolean,
): Promise<Last> {
  let last: Last | undefined;
  await until(async () => {
    last = (await describeServing(serving)).reload?.last ?? undefined;
    return last !== undefined && isMeant(last);
  }, serving);
  return last as Last;
}

/** Waits until the file that was written by now has been looked at. */
export function untilResult(serving: Serving, result: Last['result']): Promise<Last> {
  return untilReload(serving, (last) => last.result === result);
}

export function configure({ directory }: Serving, text: string): void {
  writeFileSync(join(directory, 'countersign.yaml'), text);
}

/** What a process logged, line by line. */
export function logOf({ stdout }: Serving): { readonly msg: string; readonly level: string }[] {
  return stdout()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line));
}
