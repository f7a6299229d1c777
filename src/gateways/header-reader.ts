import { refuse } from '../exchange/refusals.ts';
import type { JsonObject, Refused, RequestHeaders } from '../exchange/types.ts';

/** Node joins or drops duplicates in `headers` silently, so the raw lines are read, once. */
export interface HeaderReader {
  /** @param rawHeaders names and values in turn */
  read(rawHeaders: readonly string[]): RequestHeaders | Refused;
  /** @returns whether a header, in this spelling, decides something */
  isDeciding(spelling: string): boolean;
}

/** What a header name means to us, found once for each spelling that turns up. */
type Meaning = number | 'other' | 'connection' | 'alias';

const maxHeaders = 100;
/** Spellings remembered; clients can invent any number of them. */
const maxSpellings = 2000;

/**
 * @param deciding names, lower case, of every header that decides something: twice is refused
 * @param protectedNames names of the headers we set: an alias of one could pass beside ours
 */
export function createHeaderReader(
  deciding: readonly string[],
  protectedNames: readonly string[],
): HeaderReader {
  // Hop by hop, so it never tells anything about the original request.
  const names = new Set(deciding.filter((name) => name !== 'connection'));
  const slots = new Map([...names].map((name, slot) => [name, slot]));
  const guarded = new Set([...slots.keys(), ...protectedNames.map((name) => name.toLowerCase())]);
  // A name that starts with a colon is no header's, so none can pass for it.
  const guardedShapes = new Set([...guarded].filter((name) => !isField(name)).map(shapeOf));
  const meanings = new Map<string, Meaning>();

  function meaningOf(spelling: string): Meaning {
    const known = meanings.get(spelling);
    if (known !== undefined) return known;
    const name = spelling.toLowerCase();
    const alias = !guarded.has(name) && guardedShapes.has(shapeOf(name));
    const plain = name === 'connection' ? 'connection' : 'other';
    const meaning = slots.get(name) ?? (alias ? 'alias' : plain);
    if (meanings.size < maxSpellings) meanings.set(spelling, meaning);
    return meaning;
  }

  function nominates(connection: string): boolean {
    if (connection === 'keep-alive' || connection === 'close') return false;
    return connection.split(',').some((name) => guarded.has(name.trim().toLowerCase()));
  }

  return {
    isDeciding: (spelling) => typeof meaningOf(spelling) === 'number',
    read(rawHeaders) {
      if (rawHeaders.length > 2 * maxHeaders) return refuse('too_many_headers');
      const values: (string | undefined)[] = new Array(slots.size).fill(undefined);
      for (let at = 0; at < rawHeaders.length; at += 2) {
        const meaning = meaningOf(rawHeaders[at] as string);
        if (meaning === 'other') continue;
        const value = rawHeaders[at + 1] as string;
        if (typeof meaning === 'number') {
          if (values[meaning] !== undefined) return refuse('duplicate_header', rawHeaders[at]);
          values[meaning] = value;
        } else if (meaning === 'alias') {
          return refuse('aliased_header', rawHeaders[at]);
        } else if (nominates(value)) {
          // RFC 9110 §7.6.1 lets a hop drop what Connection names: a credential, or our answer.
          return refuse('nominated_header');
        }
      }
      return new RawHeaders(slots, values, rawHeaders);
    },
  };
}

/**
 * `X_Api_Key`, `X.Api.Key` and, with a space before its colon, `X-Api-Key ` are `X-Api-Key` to some
 * server, framework or gateway.
 */
function shapeOf(name: string): string {
  return name.replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '').replace(/[^a-z0-9]/g, '-');
}

function isField(name: string): boolean {
  return name.startsWith(':');
}

class RawHeaders implements RequestHeaders {
  readonly #slots: ReadonlyMap<string, number>;
  readonly #values: readonly (string | undefined)[];
  readonly #raw: readonly string[];

  constructor(
    slots: ReadonlyMap<string, number>,
    values: readonly (string | undefined)[],
    raw: readonly string[],
  ) {
    this.#slots = slots;
    this.#values = values;
    this.#raw = raw;
  }

  get(name: string): string | undefined {
    const slot = this.#slots.get(name);
    return slot === undefined ? undefined : this.#values[slot];
  }

  /** Lines with one name are one list (RFC 9110 §5.3). */
  all(): JsonObject {
    const headers: { [name: string]: string } = Object.create(null);
    for (let at = 0; at < this.#raw.length; at += 2) {
      const name = (this.#raw[at] as string).toLowerCase();
      if (isField(name)) continue;
      const value = this.#raw[at + 1] as string;
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    return headers;
  }
}
