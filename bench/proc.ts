import { readFileSync } from 'node:fs';

/** What Linux counts in, whatever its own timer does (USER_HZ). */
const ticksPerSecond = 100;

/** @returns microseconds of CPU that a process has used, in all of its threads, in and for it */
export function cpuMicros(pid: number): number {
  return parseCpuMicros(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** @param stat a line of `/proc/<pid>/stat`; the name in it may hold spaces and parentheses */
export function parseCpuMicros(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // proc(5): utime and stime are fields 14 and 15; state, the first one left, is field 3.
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error('/proc/<pid>/stat cannot be read');
  return (ticks * 1e6) / ticksPerSecond;
}

export interface Memory {
  /** MiB that are in memory now. */
  readonly now: number;
  /** MiB, the most there ever were. */
  readonly peak: number;
}

export function memory(pid: number): Memory {
  return parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** @param status contents of `/proc/<pid>/status` */
export function parseMemory(status: string): Memory {
  const mib = (name: string) => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status);
    if (found === null) throw new Error(`/proc/<pid>/status has no ${name}`);
    return Number(found[1]) / 1024;
  };
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}
