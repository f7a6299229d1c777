import { describe, expect, it } from '@jest/globals';
import { describeError } from '../../../src/ops/log.ts';

describe('what is logged of an exception', () => {
  it('is its name and where it was thrown', () => {
    expect(describeError(new RangeError('secret'))).toEqual({
      error: 'RangeError',
      at: expect.arrayContaining([expect.stringMatching(/^at .*log\.test\.ts:\d+:\d+/)]),
    });
  });

  it.each([
    ['a message', new Error('s3cret')],
    [
      'a message that looks like a place',
      new Error('odd\n    at s3cret (s3cret.js:1:1)\n    at x'),
    ],
    ['a cause', new Error('odd', { cause: 's3cret' })],
    ['members', Object.assign(new Error('odd'), { header: 's3cret' })],
    ['a string', 's3cret'],
    ['no error', { message: 's3cret' }],
  ])('never is what it says: %s', (_what, error) => {
    expect(JSON.stringify(describeError(error))).not.toContain('s3cret');
  });
});
