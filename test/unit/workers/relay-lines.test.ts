import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { relayLines } from '../../../src/workers/relay-lines.ts';

/** @returns the lines that come out when the chunks go in */
async function relay(chunks: readonly Buffer[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  relayLines(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.once('close', resolve));
  return lines;
}

describe('lines of another process', () => {
  it.each([
    ['whole ones', ['a\n', 'b\n'], ['a\n', 'b\n']],
    ['several at once', ['a\nb\nc\n'], ['a\n', 'b\n', 'c\n']],
    ['in parts', ['a', 'b', '\nc', 'd\n'], ['ab\n', 'cd\n']],
    ['one that it did not end', ['a\nb'], ['a\n', 'b\n']],
    ['none', [], []],
  ])('are passed on whole: %s', async (_what, chunks, lines) => {
    expect(await relay(chunks.map((text) => Buffer.from(text)))).toEqual(lines);
  });

  it('are the same wherever they are cut, also within a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', ''))),
        fc.array(fc.nat()),
        async (texts, cuts) => {
          const lines = texts.map((text) => `${text}\n`);
          const bytes = Buffer.from(lines.join(''));
          const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
          places.sort((a, b) => a - b);
          const chunks = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
          expect(await relay(chunks)).toEqual(lines);
        },
      ),
    );
  });
});
