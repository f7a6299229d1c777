/** Anything that needs a second look: empty or dot segments, separators in disguise, escapes, odd bytes. */
const unusual = /\/\/|\/\.{1,2}(?:\/|$)|[\\;#%]|[^\x21-\x7e]/;
const ambiguous =
  /\/\/|\/\.{1,2}(?:\/|$)|[\\;#]|[^\x21-\x7e]|%(?![0-9A-Fa-f]{2})|%(?:2[fFeE]|5[cC]|[01][0-9A-Fa-f]|7[fF])/;

/**
 * The form of a path in which two spellings of one resource are equal: escapes decoded, no slash at
 * the end. A path that a gateway, a backend and we could read in different ways has no such form:
 * empty or dot segments, `%2f` `%5c` `%2e`, control characters, a backslash, `;`, `#`, a bad escape.
 *
 * @param path raw, starting with `/`, without query
 * @returns undefined when the path is ambiguous
 */
export function comparablePath(path: string): string | undefined {
  if (!unusual.test(path)) return withoutLastSlash(path);
  if (ambiguous.test(path)) return undefined;
  try {
    return withoutLastSlash(decodeURIComponent(path));
  } catch {
    return undefined; // escapes that are not UTF-8
  }
}

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
