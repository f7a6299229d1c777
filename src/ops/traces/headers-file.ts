const line = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Reads `Name: value` lines; empty lines and those that begin with `#` are left out.
 *
 * @throws Error that names the line, and quotes nothing of it: it may hold a secret
 */
export function readHeaders(text: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    if (written.trim() === '' || written.startsWith('#')) continue;
    const [, name, value] = line.exec(written) ?? [];
    if (name === undefined || value === undefined) {
      throw new Error(`line ${index + 1} is not \`Name: value\``);
    }
    headers[name] = value.trim();
  }
  return headers;
}
