import type { z } from 'zod';
import type { Finding, Path } from './problems.ts';
import { listKeysAt } from './table.ts';
import { suggest } from './wording.ts';

type Issue = z.core.$ZodIssue;
type UnionIssue = z.core.$ZodIssueInvalidUnion;

/** @returns one finding for each mistake, at the deepest key that it is about */
export function readIssues(issues: readonly Issue[], base: Path = []): Finding[] {
  return issues.flatMap((issue) => readIssue(issue, [...base, ...(issue.path as Path)]));
}

function readIssue(issue: Issue, path: Path): Finding[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `is not a known key; ${suggest(key, listKeysAt(path))}`,
      }));
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    case 'invalid_union':
      return readUnion(issue, path);
    default:
      return [{ path, message: issue.message }];
  }
}

/** Of a union only the branch that was meant has something to say. */
function readUnion(issue: UnionIssue, path: Path): Finding[] {
  const [best, next] = issue.errors
    .filter((branch) => !branch.some(isOfOtherType))
    .map((branch) => ({ branch, misfits: countMisfits(branch) }))
    .sort((a, b) => a.misfits - b.misfits);
  const isClear = best && (next === undefined || best.misfits < next.misfits);
  if (best && (isClear || issue.message === '')) return readIssues(best.branch, path);
  return [{ path, message: issue.message || 'is not valid' }];
}

function isOfOtherType(issue: Issue): boolean {
  const isType = issue.code === 'invalid_type' || issue.code === 'invalid_value';
  return isType && issue.path.length === 0;
}

/** Keys that are missing or unknown at the top of a map: few of them where it was meant. */
function countMisfits(branch: readonly Issue[]): number {
  return branch.reduce((count, issue) => {
    if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
      return count + issue.keys.length;
    }
    return issue.path.length === 1 && issue.input === undefined ? count + 1 : count;
  }, 0);
}
