import { describe, expect, it } from '@jest/globals';
import {
  derTag,
  expectElement,
  readElements,
} from '../../../../../src/exchange/credentials/client-certificate/der.ts';

const read = (...bytes: readonly number[]) => readElements(Buffer.from(bytes));

describe('readElements', () => {
  it('splits one level into tags and contents', () => {
    expect(read(0x05, 0x00, 0x30, 0x03, 0x02, 0x01, 0x07)).toEqual([
      { tag: 0x05, content: Buffer.alloc(0) },
      { tag: 0x30, content: Buffer.from([0x02, 0x01, 0x07]) },
    ]);
    expect(read()).toEqual([]);
  });

  it.each([
    [128, [0x81, 0x80]],
    [256, [0x82, 0x01, 0x00]],
    [65_536, [0x83, 0x01, 0x00, 0x00]],
  ])('reads a length of %i', (length, octets) => {
    const bytes = Buffer.concat([Buffer.from([0x04, ...octets]), Buffer.alloc(length, 7)]);
    expect(readElements(bytes)[0]?.content.equals(Buffer.alloc(length, 7))).toBe(true);
  });

  it.each([
    ['content that is cut off', [0x04, 0x02, 0x00]],
    ['a tag without a length', [0x04]],
    ['a length that is cut off', [0x04, 0x82, 0x01]],
    ['an indefinite length', [0x30, 0x80, 0x00, 0x00]],
    ['a length of four octets', [0x04, 0x84, 0x00, 0x00, 0x00, 0x00]],
    ['a long form where the short one would do', [0x04, 0x81, 0x01, 0x00]],
    ['leading zeros in a length', [0x04, 0x82, 0x00, 0x80, ...Buffer.alloc(128)]],
    ['a tag of several octets', [0x1f, 0x81, 0x00, 0x00]],
  ])('X.690 §10.1: refuses %s', (_what, bytes) => {
    expect(() => read(...bytes)).toThrow();
  });
});

describe('expectElement', () => {
  it('gives the content of the expected kind only', () => {
    const [element] = read(0x30, 0x01, 0x07);
    expect(expectElement(element, derTag.sequence)).toEqual(Buffer.from([7]));
    expect(() => expectElement(element, derTag.set)).toThrow();
    expect(() => expectElement(undefined, derTag.set)).toThrow();
  });
});
