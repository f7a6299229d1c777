import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Block, blocksOf, pages } from '../support/pages.ts';

/** No block of a page is there that no test looks at: what people copy has to work. */

const root = join(import.meta.dirname, '..', '..');
const blocks = pages.flatMap(blocksOf);
const languageOf = (...names: string[]) =>
  blocks.filter(({ language }) => names.includes(language));
const places = (found: readonly Block[]) => found.map(({ place }) => place);

describe('a block of a page', () => {
  it('is in a language that has a check', () => {
    const known = [
      ...['yaml', 'json', 'sh', 'console', 'text', 'js', 'python'],
      ...['nginx', 'apache', 'haproxy', 'caddyfile', 'lua'],
    ];
    expect(blocks.length).toBeGreaterThan(70);
    expect(places(blocks.filter(({ language }) => !known.includes(language)))).toEqual([]);
  });

  it('that no test here takes says which one does, or why none can', () => {
    const wrong = blocks.filter(({ page, mark }) => {
      if (mark === undefined || /^not run: \S/.test(mark)) return false;
      const [, test] = /^run by (test\/[\w/.-]+)$/.exec(mark) ?? [];
      if (test === undefined || !existsSync(join(root, test))) return true;
      return !readFileSync(join(root, test), 'utf8').includes(basename(page));
    });
    expect(places(wrong)).toEqual([]);
  });

  it('of JSON is JSON', () => {
    const isJson = ({ text }: Block) => {
      try {
        return text.split(/\n(?=\{)/).every((part) => part === '' || JSON.parse(part));
      } catch {
        return false;
      }
    };
    const json = languageOf('json');
    expect(json.length).toBeGreaterThan(3);
    expect(places(json.filter((block) => !isJson(block)))).toEqual([]);
  });

  it('that is a program is run by a command on the same page', () => {
    const wrong = languageOf('js', 'python').filter(({ page, text }) => {
      const [, name = ''] = /^(?:\/\/|#) (\w+\.\w+); \S/.exec(text) ?? [];
      return !blocks.some(
        (block) =>
          block.page === page && block.language === 'sh' && block.text.includes(` ${name}`),
      );
    });
    expect(places(wrong)).toEqual([]);
  });

  it('for a gateway is quoted from its recipe, or is run by a test', () => {
    const recipes = languageOf('nginx', 'apache', 'haproxy', 'caddyfile', 'lua');
    expect(recipes.length).toBeGreaterThan(5);
    const wrong = recipes.filter(
      ({ text, mark }) => mark === undefined && !/^(?:#|--) (?:gateways|k8s)\/\S+\n/.test(text),
    );
    expect(places(wrong)).toEqual([]);
  });

  it('of what a command says stands after a command', () => {
    const wrong = languageOf('text').filter((block) => {
      const before = blocks[blocks.indexOf(block) - 1];
      return before?.page !== block.page || before.language !== 'sh';
    });
    expect(places(wrong)).toEqual([]);
  });
});
