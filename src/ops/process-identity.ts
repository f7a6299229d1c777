import { readFileSync } from 'node:fs';

/** Which process this is, so that nobody takes another one for it that has the same id elsewhere. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in ticks since the machine did (proc(5)); null where there is no `/proc`. */
  readonly start: string | null;
}

/** @returns undefined when there is no such process on this machine, as seen from here */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  if (process.platform !== 'linux') return pid === process.pid ? { pid, start: null } : undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, start: fields[startField] ?? null };
  } catch {
    return undefined;
  }
}

/** The 22nd, of which the first two were cut off. */
const startField = 19;
