import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generatePrivateKey } from '../../../../src/keys/generate.ts';
import type { KeyVersion } from '../../../../src/keys/vault/key-versions.ts';
import { chooseVersion, datePublication } from '../../../../src/keys/vault/staging.ts';

const minute = 60_000;
const hour = 60 * minute;
const now = 1_800_000_000_000;
const { key } = await generatePrivateKey('ES256');

function version(number: number, changes: Partial<KeyVersion> = {}): KeyVersion {
  return {
    ...{ kid: `v${number}`, alg: 'ES256', key: createPublicKey(key), version: number },
    ...{ createdAt: now, maySign: true },
    ...changes,
  };
}
const chosen = (
  versions: readonly KeyVersion[],
  before?: readonly KeyVersion[],
  later = 0,
): number | undefined => {
  const earlier = before && datePublication(before, undefined, now - 24 * hour);
  const dated = datePublication(versions, earlier, now);
  return chooseVersion(dated, hour, now + later)?.version;
};

describe('at the first reading', () => {
  it('a version made long enough ago signs', () => {
    const [old, young] = [version(1, { createdAt: now - 9 * hour }), version(2)];
    expect(chosen([old, { ...young, createdAt: now - hour }])).toBe(2);
    expect(chosen([old, { ...young, createdAt: now - hour + 1 }])).toBe(1);
  });

  it('the only version signs, however young', () => {
    expect(chosen([version(1)])).toBe(1);
  });

  it('of versions that are all young the oldest signs', () => {
    expect(chosen([version(1), version(2), version(3)])).toBe(1);
  });

  it('a clock of Vault that is ahead does not make a version wait longer', () => {
    const versions = [version(1), version(2, { createdAt: now + 9 * hour })];
    expect(chosen(versions, undefined, hour)).toBe(2);
  });
});

describe('at a later reading', () => {
  const first = version(1, { createdAt: now - 48 * hour });

  it('a new version signs after it was published for long enough, whenever it was made', () => {
    const late = version(2, { createdAt: now - 30 * hour });
    expect(chosen([first, late], [first])).toBe(1);
    expect(chosen([first, late], [first], hour - 1)).toBe(1);
    expect(chosen([first, late], [first], hour)).toBe(2);
  });

  it('a version that was there before keeps its date', () => {
    const second = version(2, { createdAt: now - 25 * hour });
    expect(chosen([first, second], [first, second])).toBe(2);
  });

  it('another key under a known number is a new version', () => {
    const anew = version(2, { kid: 'other', createdAt: now - 25 * hour });
    const second = version(2, { createdAt: now - 25 * hour });
    expect(chosen([first, anew], [first, second])).toBe(1);
  });

  it('a new version signs at once when there is no other', () => {
    expect(chosen([version(2)], [first])).toBe(2);
  });
});

describe('a version that Vault lets verify only', () => {
  it('does not sign', () => {
    const retired = version(1, { createdAt: now - 9 * hour, maySign: false });
    expect(chosen([retired, version(2)])).toBe(2);
    expect(chosen([retired])).toBeUndefined();
  });
});
