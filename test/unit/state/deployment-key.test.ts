import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createDeploymentKey } from '../../../src/state/deployment-key.ts';

const [a, b] = [randomBytes(32), randomBytes(32)];
const keyOf = (...secrets: Uint8Array[]) => createDeploymentKey(secrets, 'test');

describe('a sealed text', () => {
  it('can be opened with the same key, for the same context', () => {
    const sealed = keyOf(a).seal('höchst geheim', 'ring 1');
    expect(sealed).not.toContain('geheim');
    expect(keyOf(a).open(sealed, 'ring 1')).toEqual({ text: 'höchst geheim', isCurrent: true });
  });

  it('differs each time', () => {
    expect(keyOf(a).seal('text', 'ring 1')).not.toBe(keyOf(a).seal('text', 'ring 1'));
  });

  it('is nothing with another key, for another context or for another purpose', () => {
    const sealed = keyOf(a).seal('text', 'ring 1');
    expect(keyOf(b).open(sealed, 'ring 1')).toBeUndefined();
    expect(keyOf(a).open(sealed, 'ring 2')).toBeUndefined();
    expect(createDeploymentKey([a], 'other').open(sealed, 'ring 1')).toBeUndefined();
  });

  it('is nothing when any byte of it was changed, or some are missing', () => {
    const sealed = Buffer.from(keyOf(a).seal('text', 'ring 1'), 'base64');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(keyOf(a).open(changed.toString('base64'), 'ring 1')).toBeUndefined();
      expect(keyOf(a).open(sealed.subarray(0, at).toString('base64'), 'ring 1')).toBeUndefined();
    }
  });

  it('is understood under the previous key, and sealed under the new one', () => {
    const old = keyOf(a).seal('text', 'ring 1');
    expect(keyOf(b, a).open(old, 'ring 1')).toEqual({ text: 'text', isCurrent: false });
    expect(keyOf(b).open(keyOf(b, a).seal('text', 'ring 1'), 'ring 1')?.isCurrent).toBe(true);
  });
});

describe('an authenticated text', () => {
  it('is read with the key it was written with, or when that is the previous one', () => {
    const written = keyOf(a).authenticate('{"kid":"a.b"}');
    expect(keyOf(a).readAuthentic(written)).toBe('{"kid":"a.b"}');
    expect(keyOf(b, a).readAuthentic(written)).toBe('{"kid":"a.b"}');
  });

  it('is nothing with another key or purpose, or when it was changed', () => {
    const written = keyOf(a).authenticate('text');
    expect(keyOf(b).readAuthentic(written)).toBeUndefined();
    expect(createDeploymentKey([a], 'other').readAuthentic(written)).toBeUndefined();
    for (const changed of [
      written.replace('text', 'next'),
      `${written}A`,
      'text',
      'text.',
      '.',
      '',
    ]) {
      expect(keyOf(a).readAuthentic(changed)).toBeUndefined();
    }
  });
});
