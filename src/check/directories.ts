import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Configuration } from '../config/schema/configuration.ts';
import { checkLmdbFile, isOpenToOthers } from '../state/directory.ts';
import { StateError } from '../state/state-error.ts';
import type { Row } from './row.ts';

type Verdict = Pick<Row, 'result' | 'why'>;

/**
 * Looks whether the directories that a service writes to can be used, or made. The state itself is
 * not opened: a service may have it open.
 */
export async function checkDirectories({
  clients,
  keys,
  state,
}: Configuration): Promise<readonly Row[]> {
  const rows: Promise<Row>[] = [];
  const add = (what: string, where: string, verdict: Promise<Verdict>) => {
    rows.push(verdict.then((said) => ({ what, where, ...said })));
  };
  if (keys.directory !== undefined) {
    const readOnly = 'cannot be written: keys cannot be changed';
    add('keys.directory', keys.directory, judge(keys.directory, readOnly));
  }
  const mayRevoke = clients.some(({ may }) => may.some((each) => each !== 'introspect'));
  if (state.redis === undefined && (mayRevoke || (await kindOf(state.directory)) !== undefined)) {
    add('state.directory', state.directory, judgeState(state.directory));
  }
  return Promise.all(rows);
}

async function judgeState(directory: string): Promise<Verdict> {
  const verdict = await judge(directory, 'cannot be written: nothing can be revoked');
  try {
    if (verdict.result !== 'failed') await checkLmdbFile(join(directory, 'revocations.mdb'));
    return verdict;
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return failed(error.message);
  }
}

async function judge(directory: string, readOnly: string): Promise<Verdict> {
  const kind = await kindOf(directory);
  if (kind === undefined) return judgeMissing(directory);
  if (typeof kind === 'string') return failed(kind);
  if (isOpenToOthers(kind)) {
    return failed('others can use this directory; run chmod 700 on it');
  }
  const isWritable = await mayWrite(directory);
  return isWritable ? { result: 'good', why: '' } : { result: 'warning', why: readOnly };
}

/** @returns undefined when it is not there; why it is no directory that can be used */
async function kindOf(path: string): Promise<{ readonly mode: number } | string | undefined> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? found : 'is not a directory';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : `cannot be used (${code})`;
  }
}

async function judgeMissing(directory: string): Promise<Verdict> {
  const parent = dirname(directory);
  const kind = await kindOf(parent);
  if (kind === undefined && parent !== directory) return judgeMissing(parent);
  if (typeof kind === 'object' && (await mayWrite(parent))) {
    return { result: 'good', why: 'will be made at first start' };
  }
  return failed(`cannot be made in ${parent}`);
}

function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function failed(why: string): Verdict {
  return { result: 'failed', why };
}
