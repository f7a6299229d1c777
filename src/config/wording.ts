import leven from 'leven';
import type { z } from 'zod';

type Issue = z.core.$ZodRawIssue;

/** The wording of what zod finds by itself; a schema that knows better brings its own. */
export function describeIssue(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue.input, issue.expected);
    case 'invalid_value':
      return describeChoice(issue.input, issue.values.map(String));
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'is empty'
        : `is too small; at least ${issue.minimum}`;
    case 'too_big':
      return `is too large; at most ${issue.maximum}`;
    case 'invalid_union':
      // Empty: whoever reads the issue picks the branch that was meant.
      return issue.input === undefined ? 'is missing' : '';
    default:
      return 'is not valid';
  }
}

/** @returns the error setting of a schema: shows what came and says what would be right. */
export function expects(what: string, right: string): { error: (issue: Issue) => string } {
  return {
    error: ({ input }) =>
      input === undefined ? `is missing; ${right}` : `${show(input)} is not ${what}; ${right}`,
  };
}

/** As `expects`, for values that must not be shown. */
export function expectsUnseen(what: string, right: string): { error: (issue: Issue) => string } {
  return {
    error: ({ input }) =>
      input === undefined ? `is missing; ${right}` : `is not ${what}; ${right}`,
  };
}

/** @returns `did you mean "…"?` for a near miss, else all that is known */
export function suggest(word: string, known: readonly string[]): string {
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: leven(word, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.min(3, candidate.length / 2))
    .sort((a, b) => a.distance - b.distance);
  if (nearest) return `did you mean "${nearest.candidate}"?`;
  return known.length > 0 ? `known here: ${known.join(', ')}` : 'nothing may be given here';
}

/** A value for a message: scalars as they are, short; of the rest only the kind. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value);
}

function describeChoice(input: unknown, values: readonly string[]): string {
  if (input === undefined) return `is missing; one of ${values.join(', ')}`;
  const right = typeof input === 'string' ? suggest(input, values) : `one of ${values.join(', ')}`;
  return `${show(input)} is not known; ${right}`;
}

const expectedKinds: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

function describeType(input: unknown, expected: string): string {
  const right = expectedKinds[expected] ?? expected;
  if (input === undefined)
    return expected === 'nonoptional' ? 'is missing' : `is missing; write ${right}`;
  return `is ${kindOf(input)} where ${right} is expected`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'bigint' ? 'a number' : `a ${typeof value}`;
}
