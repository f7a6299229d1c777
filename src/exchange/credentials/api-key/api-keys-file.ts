import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import { readJson, writeJson } from '../../strict-json.ts';
import type { Claims, Json, JsonObject } from '../../types.ts';
import { CredentialFileError } from '../credential-file-error.ts';

export interface ApiKey {
  /** Who the key was given to: the `client_id`. */
  readonly owner: string;
  /** Milliseconds since the epoch; Infinity when the key has no end. */
  readonly expires: number;
  readonly claims: Claims;
}

/** Keys by the SHA-256 of the key, lower-case hex. */
export type ApiKeys = ReadonlyMap<string, ApiKey>;

/** Something is wrong at a place in the file. */
class Problem extends Error {
  readonly offset: number;

  constructor(message: string, node: unknown) {
    super(message);
    this.offset = (node as Partial<Node> | null)?.range?.[0] ?? 0;
  }
}

/**
 * Reads a YAML list of `{ owner, sha256, expires, claims }`, the last two optional.
 *
 * @throws CredentialFileError that names every bad entry by its line, and never a hash
 */
export function parseKeysFile(text: string): ApiKeys {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    intAsBigInt: true,
    prettyErrors: false,
  });
  const describe = (offset: number, message: string) =>
    `line ${lines.linePos(offset).line}: ${message}`;
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    // The parser's own messages quote the file; its codes do not.
    const words = (code: string) => code.toLowerCase().replaceAll('_', ' ');
    throw new CredentialFileError(
      syntax.map(({ pos, code }) =>
        describe(pos[0], `is not YAML that can be used: ${words(code)}`),
      ),
    );
  }
  if (!isSeq(document.contents)) {
    throw new CredentialFileError(['expected a list of keys, each with owner and sha256']);
  }

  const keys = new Map<string, ApiKey>();
  const problems: string[] = [];
  for (const item of document.contents.items) {
    try {
      addKey(keys, item);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(describe(error.offset, error.message));
    }
  }
  if (problems.length > 0) throw new CredentialFileError(problems);
  return keys;
}

const members = ['owner', 'sha256', 'expires', 'claims'];

function addKey(keys: Map<string, ApiKey>, item: unknown): void {
  if (!isMap(item)) throw new Problem('expected owner and sha256', item);
  for (const { key } of item.items) {
    if (!isScalar(key) || !members.includes(String(key.value))) {
      throw new Problem(`unknown member; expected one of ${members.join(', ')}`, key);
    }
  }
  const owner = readText(item, 'owner');
  const sha256 = readText(item, 'sha256').toLowerCase();
  const place = item.get('sha256', true);
  if (/\p{Cc}/u.test(owner)) throw new Problem('owner holds a control character', item);
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Problem('sha256 must be 64 hex digits', place);
  if (keys.has(sha256)) throw new Problem('this key is in the list already', place);
  keys.set(sha256, { owner, expires: readExpires(item), claims: readClaims(item) });
}

function readText(item: YAMLMap, name: string): string {
  const value = item.get(name);
  if (typeof value === 'string' && value !== '') return value;
  const place = item.get(name, true) ?? item;
  throw new Problem(`${name} must be a text; quote it if it looks like a number`, place);
}

/** RFC 3339 with a zone, or a date, which means its first moment in UTC. */
const moment =
  /^(\d{4}-\d\d-\d\d)(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))?$/;

function readExpires(item: YAMLMap): number {
  if (!item.has('expires')) return Infinity;
  const text = item.get('expires');
  const date = typeof text === 'string' ? moment.exec(text)?.[1] : undefined;
  const time = date !== undefined && isCalendarDate(date) ? Date.parse(String(text)) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new Problem(
      'expires must be like 2027-01-31 or 2027-01-31T12:00:00Z',
      item.get('expires', true),
    );
  }
  return time;
}

/** The engine takes February 30 for March 2. */
function isCalendarDate(date: string): boolean {
  const time = Date.parse(date);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date);
}

function readClaims(item: YAMLMap): Claims {
  const node = item.get('claims', true);
  if (node === undefined) return {};
  if (!isMap(node)) throw new Problem('claims must be a mapping', node);
  const claims = readJson(writeJson(toJson(node)));
  if (claims === undefined) {
    throw new Problem('claims are too many or too deep, or have a forbidden name', node);
  }
  return claims as JsonObject;
}

/** Only what JSON has: no aliases, dates, binary values, or keys that are not text. */
function toJson(node: unknown): Json {
  if (isSeq(node)) return node.items.map(toJson);
  if (isMap(node)) return Object.fromEntries(node.items.map((pair) => toMember(pair)));
  const value = isScalar(node) ? node.value : undefined;
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) {
    return value;
  }
  throw new Problem('claims must be JSON values', node);
}

function toMember(pair: { key: unknown; value: unknown }): [string, Json] {
  const name = isScalar(pair.key) ? pair.key.value : undefined;
  if (typeof name !== 'string') throw new Problem('names of claims must be texts', pair.key);
  return [name, toJson(pair.value)];
}
