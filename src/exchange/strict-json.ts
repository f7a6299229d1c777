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
 * names a prototype, bounded depth, members and elements, numbers finite. Integers beyond 2^53
 * come out as `bigint`, so that they leave as they came.
 *
 * @returns the value, or undefined for anything else
 */
export function readJson(text: string, bounds = strangersBounds): Json | undefined {
  try {
    // The engine settles syntax; the scanner below settles what the engine lets through.
    const value: Json = JSON.parse(text);
    const scanner = new Scanner(text, bounds);
    return scanner.isAcceptable()
      ? scanner.sawLongInteger
        ? readExactly(text)
        : value
      : undefined;
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

/** Walks text that is known to be JSON, and looks only at its shape. */
class Scanner {
  sawLongInteger = false;
  readonly #text: string;
  readonly #bounds: JsonBounds;
  #at = 0;

  constructor(text: string, bounds: JsonBounds) {
    this.#text = text;
    this.#bounds = bounds;
  }

  isAcceptable(): boolean {
    return this.#value(0);
  }

  #value(depth: number): boolean {
    switch (this.#next()) {
      case '{':
        return depth < this.#bounds.depth && this.#object(depth + 1);
      case '[':
        return depth < this.#bounds.depth && this.#array(depth + 1);
      case '"':
        this.#string();
        return true;
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): boolean {
    const seen = new Set<string>();
    this.#at++;
    while (this.#next() !== '}') {
      const name: string = JSON.parse(this.#string());
      if (seen.has(name) || seen.size === this.#bounds.members || forbiddenMembers.has(name))
        return false;
      seen.add(name);
      this.#expect(':');
      if (!this.#value(depth)) return false;
      if (this.#next() === ',') this.#at++;
    }
    this.#at++;
    return true;
  }

  #array(depth: number): boolean {
    let elements = 0;
    this.#at++;
    while (this.#next() !== ']') {
      if (++elements > this.#bounds.elements || !this.#value(depth)) return false;
      if (this.#next() === ',') this.#at++;
    }
    this.#at++;
    return true;
  }

  #string(): string {
    const start = this.#at++;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    return this.#text.slice(start, ++this.#at);
  }

  #scalar(): boolean {
    const start = this.#at;
    while (this.#at < this.#text.length && !',]} \t\n\r'.includes(this.#text[this.#at] ?? '')) {
      this.#at++;
    }
    const word = this.#text.slice(start, this.#at);
    if (isLongInteger(word)) this.sawLongInteger = true;
    return word === 'true' || word === 'false' || word === 'null' || Number.isFinite(Number(word));
  }

  #next(): string | undefined {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '?')) this.#at++;
    return this.#text[this.#at];
  }

  #expect(mark: string): void {
    if (this.#next() !== mark) throw new SyntaxError(`expected ${mark}`);
    this.#at++;
  }
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
