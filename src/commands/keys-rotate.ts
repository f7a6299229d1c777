import { parseArgs } from 'node:util';
import { generatePrivateKey } from '../keys/generate.ts';
import { changeRing } from '../keys/import.ts';
import { KeyError } from '../keys/key-error.ts';
import { activeKey, type Ring, replaceCompromised, stage } from '../keys/rotation.ts';
import type { SigningAlgorithm } from '../keys/signer.ts';
import { timetable } from '../keys/timetable.ts';
import { type ExitCode, exitCodes, UsageError } from './command.ts';
import {
  type KeyPlace,
  type KeysIo,
  openRing,
  placeOptions,
  writeTable,
  writeTime,
} from './key-place.ts';

const options = {
  ...placeOptions,
  plan: { type: 'boolean' },
  now: { type: 'boolean' },
  compromised: { type: 'boolean' },
} as const;

export async function rotateKeys(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  const { values } = parseArgs({ args: [...args], options });
  const { plan, now, compromised } = values;
  if (now !== compromised || (plan && now)) {
    throw new UsageError('--now and --compromised go together, and without --plan');
  }
  const place = await openRing(values, io);
  try {
    if (plan) await showPlan(place, io);
    else if (compromised) await replace(place, io);
    else await begin(place, io);
  } finally {
    await place.store.close();
  }
  return exitCodes.yes;
}

async function showPlan(place: KeyPlace, io: KeysIo): Promise<void> {
  const ring = await readRing(place);
  const policy = place.policyFor(algorithmOf(place, ring));
  const rows = timetable(ring, policy, io.now()).map(({ at, kid, what }) => [
    ...[writeTime(at), kid ?? '(the new key)', what],
  ]);
  io.stdout.write(writeTable([['time', 'kid', 'what'], ...rows]));
}

async function begin(place: KeyPlace, io: KeysIo): Promise<void> {
  const alg = algorithmOf(place, await readRing(place));
  const key = await generatePrivateKey(alg);
  const ring = await changeRing(place.store, (stored) => {
    const current = existing(place, stored);
    const staged = current.keys.find(({ state }) => state === 'staged');
    if (staged !== undefined) {
      throw new KeyError(
        `${staged.kid} is published already, and signs from ${writeTime(staged.until)} on`,
      );
    }
    return stage(current, key, place.policyFor(alg), io.now());
  });
  const until = ring.keys.find(({ kid }) => kid === key.kid)?.until ?? 0;
  io.stdout.write(`${key.kid} (${alg}) is published, and signs from ${writeTime(until)} on.\n`);
}

async function replace(place: KeyPlace, io: KeysIo): Promise<void> {
  const before = await readRing(place);
  const alg = algorithmOf(place, before);
  const policy = place.policyFor(alg);
  const key = await generatePrivateKey(alg);
  const ring = await changeRing(place.store, (stored) =>
    replaceCompromised(existing(place, stored), key, policy, io.now()),
  );
  const dropped = ring.dropped.slice(before.dropped.length).map(({ kid }) => kid);
  const seconds = policy.jwksMaxAge / 1000;
  io.stdout.write(
    `Dropped ${dropped.join(' and ')}; ${key.kid} (${alg}) signs.\n\n` +
      'What this breaks:\n' +
      '- Every token of the dropped key, at once where /introspect is asked, elsewhere when the\n' +
      `  verifier fetches the JWKS anew: after ${seconds} s, or as long as it keeps it. Until then a\n` +
      '  thief of the key can still make tokens that such a verifier takes.\n' +
      `- New tokens, for verifiers that do not know the new key yet: ${seconds} s, unless they fetch the\n` +
      '  JWKS anew for a key id that they do not know. Restart those that keep it longer.\n',
  );
}

function algorithmOf({ algorithm }: KeyPlace, ring: Ring): SigningAlgorithm {
  return algorithm ?? activeKey(ring.keys)?.alg ?? 'RS256';
}

async function readRing(place: KeyPlace): Promise<Ring> {
  return existing(place, await place.store.read());
}

function existing({ name }: KeyPlace, ring: Ring | undefined): Ring {
  if (ring === undefined) throw new KeyError(`${name}: there are no keys yet`);
  return ring;
}
