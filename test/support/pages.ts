import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Such as `docs/keys.md:30`. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
  /** What an HTML comment on the line above says of it. */
  readonly mark: string | undefined;
}

/** Every page that people read, relative to the checkout. */
export const pages: readonly string[] = [
  ...readdirSync(root),
  ...['docs', 'gateways', 'bench', 'k8s'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, String(name))),
  ),
].filter((name) => name.endsWith('.md'));

export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** @returns the fenced blocks of a page, in their order */
export function blocksOf(page: string): readonly Block[] {
  const text = readPage(page);
  const fences = text.matchAll(/^(?:<!-- (.+?) -->\n)?```(.*)\n([\s\S]*?)^```$/gm);
  return [...fences].map((match) => {
    const [, mark, language = '', inner = ''] = match;
    const line = text.slice(0, match.index).split('\n').length + (mark === undefined ? 0 : 1);
    return { page, place: `${page}:${line}`, language, text: inner, mark };
  });
}
