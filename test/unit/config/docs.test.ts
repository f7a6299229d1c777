import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { renderDocs } from '../../../scripts/write-docs.ts';
import { listKeysAt, listRows } from '../../../src/config/table.ts';

const root = join(import.meta.dirname, '../../..');

describe('the reference', () => {
  it.each(Object.entries(renderDocs()))('%s is what `npm run docs` writes', (name, text) => {
    expect(readFileSync(join(root, name), 'utf8')).toBe(text);
  });

  it('describes every key', () => {
    const bare = listRows().filter(({ schema }) => !schema.description);
    expect(bare.map(({ steps }) => steps.join('.'))).toEqual([]);
  });

  it('names each key once', () => {
    const keys = listRows().map(({ steps }) => steps.join('.'));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('knows every key that names a file as one', () => {
    const files = listRows().filter(({ steps }) => steps.at(-1)?.endsWith('_file'));
    expect(files.length).toBeGreaterThan(10);
    for (const { schema } of files) expect(schema.title).toBe('file name');
  });
});

describe('the keys at a path', () => {
  it.each([
    [['log'], ['level', 'format', 'decisions']],
    [['clients', 3], expect.arrayContaining(['id', 'may'])],
    [
      ['gateways', 'x'],
      ['profile', 'client_certificate', 'consumer'],
    ],
    [['credentials', 0, 'bearer', 'verify'], expect.arrayContaining(['issuer', 'introspection'])],
    [['clients', 'x'], []],
    [['issuer'], []],
  ])('%j', (path, keys) => {
    expect(listKeysAt(path)).toEqual(keys);
  });
});
