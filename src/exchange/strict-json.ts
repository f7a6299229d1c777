import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from './types.ts';

export interface JsonBounds {
  readonly depth: number;
  /** Of one object. */
  readonly members: number;
  /** Of one array. */
  readonly elements: number;
}

/** For JSON that a stranger wrote: real tokens stay far below them. */
export const strangersBounds: JsonBounds = { depth: 10, members: 100, elements: 1000 };

/** For what this service signed: it nests and adds to what strangers sent. */
export const ownBounds: JsonBounds = { depth: 30, members: 1000, elements: 10_000 };

/** Names that would reach the prototype of a plain object. */
const forbiddenMembers = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads JSON (RFC 8259) that a stranger wrote: no duplicate members (RFC 7515 §4), no member that
 * names a prototype or has a name with quotes, backslashes or control characters in it, bounded depth,
 * members and elements, numbers finite. Integers beyond 2^53
 * come out as `bigint`, so that they leave as they came.
 *
 * @returns the value, or undefined for anything else
 */
export function readJson(text: string, bounds = strangersBounds): Json | undefined {
  try {
    const plain = text.includes('\\') ? unescapeNames(text) : text;
    // The engine settles syntax; what it lets through shows in the value, or in the text beside it.
    const value: Json = JSON.parse(plain);
    const shape: Shape = { members: 0, hasLongInteger: false };
    if (!measure(value, bounds, bounds.depth, shape)) return undefined;
    // Of duplicate members the engine keeps one, so that the text has more.
    if (countMembers(plain) !== shape.members) return undefined;
    return shape.hasLongInteger ? readExactly(plain) : value;
  } catch {
    return undefined;
  }
}

/** Tells an object from the other JSON values. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Writes JSON, with `bigint` as a JSON number. Numbers must be finite, as those of `readJson` are.
 *
 * @throws TypeError for a value that JSON cannot carry
 */
export function writeJson(value: Json): string {
  try {
    return JSON.stringify(value);
  } catch {
    return writeExactly(value); // a bigint, which JSON.stringify refuses
  }
}

function writeExactly(value: Json): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeExactly).join(',')}]`;
  const members = Object.entries(value as JsonObject);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${writeExactly(member)}`).join(',')}}`;
}

/**
 * The engine of Node 24 and 26 takes an escaped name for another one, with a backslash in it, where an
 * earlier text has taught it to expect that: `"\u0061"` may come out as `\`.
 *
 * @returns the text with every member name as it is, without escapes
 * @throws SyntaxError for a name that cannot be written so
 */
function unescapeNames(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")(\s*:)?/g, (all, word: string, colon?: string) => {
    if (colon === undefined || !word.includes('\\')) return all;
    const name = JSON.stringify(JSON.parse(word));
    if (name.includes('\\')) throw new SyntaxError('a name needs escapes');
    return name + colon;
  });
}

/** What a walk through a value has seen. */
interface Shape {
  /** Of all objects. */
  members: number;
  hasLongInteger: boolean;
}

/**
 * @param levels that may still nest
 * @returns whether the value keeps within the bounds
 */
function measure(value: Json, bounds: JsonBounds, levels: number, shape: Shape): boolean {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) shape.hasLongInteger = true;
    return Number.isFinite(value);
  }
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    if (value.length > bounds.elements) return false;
    for (const element of value) if (!measure(element, bounds, levels - 1, shape)) return false;
    return true;
  }
  const names = Object.keys(value);
  shape.members += names.length;
  if (names.length > bounds.members) return false;
  for (const name of names) {
    if (forbiddenMembers.has(name)) return false;
    if (!measure((value as JsonObject)[name] as Json, bounds, levels - 1, shape)) return false;
  }
  return true;
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** @param text that is known to be JSON: each colon outside a string belongs to a member */
function countMembers(text: string): number {
  let members = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) inString = !inString;
    else if (code === backslash) at++;
    else if (code === colon && !inString) members++;
  }
  return members;
}

function isLongInteger(word: string): boolean {
  return word.length > 15 && /^-?[0-9]+$/.test(word) && !Number.isSafeInteger(Number(word));
}

/** Nobody outside this process can write it. */
const integerMark = `integer:${randomUUID()}:`;

/** Marks long integers inside the text, so that one more parse can bring them back whole. */
function readExactly(text: string): Json {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/g, (word) =>
    isLongInteger(word) ? `"${integerMark}${word}"` : word,
  );
  return JSON.parse(marked, (_name, value) =>
    typeof value === 'string' && value.startsWith(integerMark)
      ? BigInt(value.slice(integerMark.length))
      : value,
  );
}
