import { describe, expect, it } from '@jest/globals';
import type { LoadedConfiguration } from '../../../src/config/load.ts';
import { loadConfiguration } from '../../../src/config/load.ts';
import { ConfigurationError } from '../../../src/config/problems.ts';
import { createReloader } from '../../../src/reload/reloader.ts';
import { RestartNeeded } from '../../../src/reload/restart-only.ts';
import { base } from '../config/base.ts';

const loaded: LoadedConfiguration = loadConfiguration({ text: base, file: '/c.yaml', env: {} });
const problem = { file: 'c.yaml', line: 3, column: 1, key: 'issuer', message: 'is bad' };

function createWorld() {
  const logged: string[] = [];
  const write = (level: string) => (_: object, message: string) => {
    logged.push(`${level} ${message}`);
  };
  let change = () => {};
  let next: () => Promise<readonly string[]> = async () => [];
  let applied = 0;
  const watched: string[][] = [];
  const reloader = createReloader({
    read: () => loaded,
    now: () => 5,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    createTrigger(onChange) {
      change = () => onChange('/c.yaml');
      return { watch: (digests) => watched.push([...digests.keys()]), close() {} };
    },
  });
  return {
    ...{ reloader, logged, watched },
    begin: () =>
      reloader.start(
        () => {
          applied++;
          return next();
        },
        { files: ['/c.yaml'], digests: new Map(), configuration: () => loaded },
      ),
    change: () => change(),
    answer(with_: () => Promise<readonly string[]>) {
      next = with_;
    },
    settle: () => new Promise<void>((resolve) => setImmediate(resolve)),
    applied: () => applied,
  };
}

describe('the reloader', () => {
  it('waits with a signal until a configuration serves', async () => {
    const { reloader, begin, settle, applied } = createWorld();
    reloader.signal();
    await settle();
    expect(applied()).toBe(0);
    begin();
    await settle();
    expect(applied()).toBe(1);
    expect(reloader.status().last).toMatchObject({ trigger: 'signal', result: 'applied' });
  });

  it('applies one at a time, and once more for all that came meanwhile', async () => {
    const { reloader, begin, settle, answer, change, applied } = createWorld();
    let finish: (value: readonly string[]) => void = () => {};
    answer(() => new Promise((resolve) => (finish = resolve)));
    begin();
    reloader.signal();
    reloader.signal();
    change();
    await settle();
    expect(applied()).toBe(1);
    expect(reloader.status()).toMatchObject({ signals: 2, last: undefined });
    answer(async () => []);
    finish([]);
    await settle();
    expect(applied()).toBe(2);
    // The last attempt began after both signals.
    expect(reloader.status().last).toMatchObject({ trigger: 'signal', signals: 2 });
  });

  it('tells of a bad configuration once, and again when it is asked for', async () => {
    const { reloader, begin, settle, answer, change, logged } = createWorld();
    answer(async () => {
      throw new ConfigurationError([problem]);
    });
    begin();
    for (let times = 0; times < 3; times++) {
      change();
      await settle();
    }
    expect(reloader.status().last).toEqual({
      ...{ at: 5, trigger: 'file', signals: 0, result: 'refused' },
      reasons: ['c.yaml:3: issuer: is bad'],
    });
    expect(logged).toHaveLength(1);
    reloader.signal();
    await settle();
    expect(logged).toHaveLength(2);
    expect(logged[1]).toMatch(/^warn the configuration cannot be used/);
  });

  it('tells a configuration that needs a restart from a bad one', async () => {
    const { reloader, begin, settle, answer, logged } = createWorld();
    answer(async () => {
      throw new RestartNeeded([problem]);
    });
    begin();
    reloader.signal();
    await settle();
    expect(reloader.status().last?.result).toBe('needs_restart');
    expect(logged).toEqual([expect.stringMatching(/^warn .*needs a restart/)]);
  });

  it('says nothing of what a mistake of ours says, which may quote anything', async () => {
    const { reloader, begin, settle, answer, logged } = createWorld();
    answer(async () => {
      throw new TypeError('hunter2');
    });
    begin();
    reloader.signal();
    await settle();
    expect(reloader.status().last).toMatchObject({
      ...{ result: 'refused', reasons: ['a mistake of ours; the log says where'] },
    });
    expect(logged[0]).toBe('error a reload failed');
    expect(JSON.stringify([reloader.status(), logged])).not.toContain('hunter2');
  });

  it('applies nothing any more once it is closed', async () => {
    const { reloader, begin, settle, change, applied } = createWorld();
    begin();
    await reloader.close();
    change();
    reloader.signal();
    await settle();
    expect(applied()).toBe(0);
  });
});
