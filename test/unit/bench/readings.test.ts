import { describe, expect, it } from '@jest/globals';
import { parseAnswer } from '../../../bench/ask-once.ts';
import { parseH2load } from '../../../bench/h2load.ts';
import { cpuMicros, memory, parseCpuMicros, parseMemory } from '../../../bench/proc.ts';
import { parseWrk } from '../../../bench/wrk.ts';

describe('what the kernel says of a process', () => {
  it('is its user and system time, whatever its name is', () => {
    const counters = '1 2 3 4 5 6 7 8 9 10 1234 66 0 0 20 0 11 0 99';
    expect(parseCpuMicros(`77 (a) R 1 (b) S ${counters}`)).toBe(13_000_000);
    expect(() => parseCpuMicros('77 (node) S 1')).toThrow('cannot be read');
  });

  it('is what is in memory, and what was at most', () => {
    const status = 'Name:\tnode\nVmPeak:\t 9999 kB\nVmHWM:\t  133120 kB\nVmRSS:\t   65536 kB\n';
    expect(parseMemory(status)).toEqual({ now: 64, peak: 130 });
    expect(() => parseMemory('Name:\tnode\n')).toThrow('VmRSS');
  });

  const hasProc = process.platform === 'linux' ? it : it.skip;
  hasProc('agrees with what the process says of itself', () => {
    const own = () => process.cpuUsage().user + process.cpuUsage().system;
    const tick = 10_000;
    const [before, read, after] = [own(), cpuMicros(process.pid), own()];
    expect(read).toBeGreaterThan(before - 3 * tick);
    expect(read).toBeLessThan(after + 3 * tick);
    expect(memory(process.pid).peak).toBeGreaterThan(10);
  });
});

describe('what wrk prints', () => {
  const line = (more: object) =>
    `Running 1s test\n${JSON.stringify({ requests: 500, micros: 2_000_000, p50: 900, p99: 4100, not2xx: 0, broken: 0, ...more })}\n`;

  it('is read in seconds and milliseconds', () => {
    const read = { requests: 500, seconds: 2, p50: 0.9, p99: 4.1, refused: 3 };
    expect(parseWrk(line({ not2xx: 3 }))).toEqual(read);
  });

  it('is an error when answers were lost, or none came', () => {
    expect(() => parseWrk(line({ broken: 1 }))).toThrow('lost 1');
    expect(() => parseWrk(line({ requests: 0 }))).toThrow('no answer');
    expect(() => parseWrk('unable to connect')).toThrow('unable to connect');
  });
});

describe('what h2load prints', () => {
  const output = (failed: number) => `finished in 3.00s, 100.00 req/s, 9.9KB/s
requests: 300 total, 300 started, 300 done, 300 succeeded, ${failed} failed, 0 errored, 0 timeout
status codes: 300 2xx, 0 3xx, 0 4xx, 0 5xx
`;

  it('is read together with its log', () => {
    const log = '1700000000000000\t200\t1500\n1700000000000001\t200\t500\n';
    const read = { requests: 300, seconds: 3, p50: 0.5, p99: 1.5, refused: 0 };
    expect(parseH2load(output(0), log, 3)).toEqual(read);
  });

  it('is an error when calls failed', () => {
    expect(() => parseH2load(output(2), '', 3)).toThrow('lost 2');
    expect(() => parseH2load('could not connect', '', 3)).toThrow('could not connect');
  });
});

describe('an answer', () => {
  const head = 'HTTP/1.1 401 Unauthorized\r\nA: b: c\r\nContent-Length: 2\r\nDate: now\r\n\r\n';

  it('is read without what each server says for itself', () => {
    const headers = ['A', 'b: c', 'Content-Length', '2'];
    expect(parseAnswer(`${head}{}`)).toEqual({ status: 401, headers, body: '{}' });
  });

  it('is nothing until it is whole', () => {
    expect(parseAnswer(head.slice(0, 30))).toBeUndefined();
    expect(parseAnswer(`${head}{`)).toBeUndefined();
  });
});
