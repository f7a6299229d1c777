import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLmdbRevocations } from '../../../src/state/lmdb-revocations.ts';
import { createMirroredRevocations } from '../../../src/state/mirrored-revocations.ts';
import type { Revocation, Revocations } from '../../../src/state/revocations.ts';
import { StateError } from '../../../src/state/state-error.ts';

const settings = { tokensCarrySubject: true, clockSkew: 5 };
const now = () => 1_000_000;
const until = 2_000;
const token = (jti: string): Revocation => ({ kind: 'token', jti, until });
const isRevoked = (revocations: Revocations, jti: string) =>
  revocations.isRevoked({
    ...{ jti, subject: undefined, clientId: undefined },
    ...{ kid: undefined, iat: undefined },
  });

let directory: string;
let kept: Revocations;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-'));
  kept = await openLmdbRevocations(directory, settings, { now, log: { warn() {} } });
});
afterEach(async () => {
  await kept.close();
  rmSync(directory, { recursive: true });
});

describe('mirrored revocations', () => {
  it('know what was kept before they were opened, and what they are told before and after', async () => {
    await kept.revoke(token('before'));
    const mirrored = createMirroredRevocations(now);
    await mirrored.learn(token('early'));
    const revocations = await mirrored.open(directory, settings);
    const heard: Revocation[] = [];
    revocations.onChange((entry) => heard.push(entry));
    await mirrored.learn(token('after'));
    for (const jti of ['before', 'early', 'after']) expect(isRevoked(revocations, jti)).toBe(true);
    expect(isRevoked(revocations, 'another')).toBe(false);
    expect(heard).toEqual([token('after')]);
    expect(revocations.status()).toMatchObject({ store: 'lmdb', tokens: 3, rules: 0 });
    await revocations.close();
  });

  it('know rules', async () => {
    await kept.revoke({ kind: 'client', clientId: 'carol', upTo: 900, until });
    const revocations = await createMirroredRevocations(now).open(directory, settings);
    const credential = { issuer: 'i', subject: 's', iat: 800 };
    expect(revocations.refuses({ ...credential, clientId: 'carol' })).toBe(true);
    expect(revocations.refuses({ ...credential, clientId: 'dave' })).toBe(false);
    await revocations.close();
  });

  it('hold nothing open, so that they hinder nobody', async () => {
    const revocations = await createMirroredRevocations(now).open(directory, settings);
    await kept.revoke(token('later'));
    // What was not told is not known: the file is not looked at again.
    expect(isRevoked(revocations, 'later')).toBe(false);
    await revocations.close();
  });

  it('cannot be opened where nothing is kept', async () => {
    const opening = createMirroredRevocations(now).open(join(directory, 'nowhere'), settings);
    await expect(opening).rejects.toThrow(StateError);
  });
});
