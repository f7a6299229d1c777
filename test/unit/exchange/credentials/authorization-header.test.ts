import { describe, expect, it } from '@jest/globals';
import {
  authorizationScheme,
  readBasicCredentials,
  readBearerToken,
} from '../../../../src/exchange/credentials/authorization-header.ts';

const basic = (pair: string | Buffer) => `Basic ${Buffer.from(pair).toString('base64')}`;

describe('authorizationScheme', () => {
  it.each([
    ['Bearer abc', 'bearer'],
    ['bEARER abc', 'bearer'],
    ['Bearer', 'bearer'],
    ['Bearer good,Bearer bad', 'bearer'],
    ['Basic YTpi', 'basic'],
    ['BASIC', 'basic'],
    ['Basic YTpi, Bearer abc', 'basic'],
    ['', 'unknown'],
    ['NotBearer abc', 'unknown'],
    ['Bearerabc', 'unknown'],
    ['Bearer\tabc', 'unknown'],
    [' Bearer abc', 'unknown'],
    ['Basic,Bearer', 'unknown'],
    ['Digest x Bearer y', 'unknown'],
  ])('reads %j as %s', (value, scheme) => {
    expect(authorizationScheme(value)).toBe(scheme);
  });
});

describe('readBearerToken', () => {
  it.each([
    ['Bearer a.b.c', 'a.b.c'],
    ['bearer   abc-._~+/09==', 'abc-._~+/09=='],
  ])('RFC 6750 §2.1: takes the token of %j', (value, token) => {
    expect(readBearerToken(value)).toBe(token);
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer =',
    'Bearer a b',
    'Bearer a=b',
    'Bearer a ',
    'Bearer a\n',
    'Bearer "a"',
    'Bearer good,Bearer bad',
    'Bearer é',
    'Basic abc',
    'x Bearer abc',
  ])('refuses %j', (value) => {
    expect(readBearerToken(value)).toBeUndefined();
  });
});

describe('readBasicCredentials', () => {
  it.each([
    ['RFC 7617 §2: the example', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'Aladdin', 'open sesame'],
    ['more spaces, other case', 'bAsIc   YTpi', 'a', 'b'],
    ['colons in the password', basic('a:b:c:'), 'a', 'b:c:'],
    ['an empty password', basic('a:'), 'a', ''],
    ['UTF-8', basic('jürgen:pässwörd€'), 'jürgen', 'pässwörd€'],
    ['a byte order mark stays', basic('\uFEFFa:b'), '\uFEFFa', 'b'],
    ['spaces', basic(' a : b '), ' a ', ' b '],
  ])('reads %s', (_what, value, user, password) => {
    expect(readBasicCredentials(value)).toEqual({ user, password });
  });

  it.each([
    ['nothing behind the scheme', 'Basic '],
    ['no colon', basic('a')],
    ['an empty user', basic(':b')],
    ['missing padding', 'Basic YTpiYw'],
    ['padding bits that are not zero', 'Basic YTpiY2=='.replace('Y2', 'Yx')],
    ['too much padding', 'Basic YTpi===='],
    ['the URL alphabet', 'Basic YTr_-w=='],
    ['a line break', 'Basic YTpi\nYTpi'],
    ['two credentials', 'Basic YTpi,Basic YTpi'],
    ['text behind', 'Basic YTpi x'],
    ['another scheme', 'Bearer YTpi'],
    ['latin1 bytes', basic(Buffer.from('j\xfcrgen:x', 'latin1'))],
    ['an overlong NUL', basic(Buffer.from('a\xc0\x80:x', 'latin1'))],
    ['NUL in the user', basic('a\0b:c')],
    ['a line feed in the password', basic('a:b\nc')],
    ['DEL', basic('a\x7f:c')],
    ['a C1 control character', basic('a\u0085:c')],
  ])('refuses %s', (_what, value) => {
    expect(readBasicCredentials(value)).toBeUndefined();
  });
});
