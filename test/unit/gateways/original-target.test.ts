import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isMethod,
  readAuthority,
  readScheme,
  splitAbsolute,
  splitTarget,
} from '../../../src/gateways/original-target.ts';

describe('an authority', () => {
  it.each<[string, string | undefined, string]>([
    ['example.com', 'https', 'example.com'],
    ['EXAMPLE.com', 'https', 'example.com'],
    ['example.com.', 'https', 'example.com'],
    ['example.com:443', 'https', 'example.com'],
    ['example.com:443', 'http', 'example.com:443'],
    ['example.com:80', 'http', 'example.com'],
    ['example.com:080', 'http', 'example.com'],
    ['example.com:80', 'https', 'example.com:80'],
    ['example.com:80', undefined, 'example.com:80'],
    ['example.com:65535', 'http', 'example.com:65535'],
    ['example.com.:1', 'http', 'example.com:1'],
    ['localhost', 'http', 'localhost'],
    ['a', 'http', 'a'],
    ['my_service', 'http', 'my_service'],
    ['xn--bcher-kva.example', 'http', 'xn--bcher-kva.example'],
    ['127.0.0.1:8080', 'http', '127.0.0.1:8080'],
    ['[::1]', 'http', '[::1]'],
    ['[::1]:443', 'https', '[::1]'],
    ['[2001:DB8::1]:8443', 'https', '[2001:db8::1]:8443'],
    ['[::ffff:10.0.0.1]', 'https', '[::ffff:10.0.0.1]'],
    [`${'a'.repeat(63)}.${'b'.repeat(63)}`, 'http', `${'a'.repeat(63)}.${'b'.repeat(63)}`],
  ])('%s of %s is %s', (text, scheme, read) => {
    expect(readAuthority(text, scheme)).toBe(read);
  });

  it.each([
    '',
    '.',
    '..',
    ':80',
    'example.com:',
    'example.com:0',
    'example.com:65536',
    'example.com:123456',
    'example.com:+80',
    'example.com:8 0',
    'example.com:80:80',
    'example.com..',
    '.example.com',
    'a..b',
    '-a.example',
    'a-.example',
    'a'.repeat(64),
    Array.from({ length: 64 }, () => 'abc').join('.'),
    'example.com?',
    'example.com#',
    'example.com/',
    'example.com\\',
    'example.com;',
    'example.com,evil.example',
    'example.com evil.example',
    ' example.com',
    'example.com\t',
    'example.com\0',
    'example.com\n',
    'user@example.com',
    'user:pw@example.com',
    'example.com:80@evil.example',
    'exam%70le.com',
    'ex\u00e4mple.com',
    'example\u3002com',
    '\u212aelvin.example',
    '*',
    '*.example.com',
    '$host',
    '::1',
    '[::1',
    '::1]',
    '[]',
    '[::1]x',
    '[::1].',
    '[::1]:0',
    '[::1%eth0]',
    '[fe80::1%25eth0]',
    '[v1.fe80]',
    '[127.0.0.1]',
    '[::1]@evil.example',
  ])('%j is none', (text) => {
    expect(readAuthority(text, 'https')).toBeUndefined();
  });

  it('is never anything that a URL parser would read in another way', () => {
    const piece = fc.constantFrom(
      'a',
      'B',
      '0',
      '.',
      ':',
      '@',
      '/',
      '?',
      '#',
      '[',
      ']',
      '%',
      '-',
      '8',
    );
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 12 }), (text) => {
        const read = readAuthority(text, 'https');
        if (read === undefined || /^[\d.]+$/.test(read.replace(/:.*/, ''))) return;
        expect(read).toBe(readAuthority(read, 'https'));
        if (URL.canParse(`https://${read}/`)) expect(new URL(`https://${read}/`).username).toBe('');
        expect(read).toMatch(/^[a-z0-9_.\-:[\]]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

it.each<[string | undefined, string | undefined]>([
  ['http', 'http'],
  ['https', 'https'],
  ['HTTPS', 'https'],
  ['ws', 'http'],
  ['wss', 'https'],
  ['', undefined],
  ['ftp', undefined],
  ['http,https', undefined],
  ['https:', undefined],
  [' https', undefined],
  [undefined, undefined],
])('the scheme %j is read as %s', (text, scheme) => {
  expect(readScheme(text)).toBe(scheme);
});

it.each<[string | undefined, boolean]>([
  ['GET', true],
  ['get', true],
  ['*', true],
  ["X!#$%&'*+-.^_`|~0", true],
  ['M'.repeat(40), true],
  ['M'.repeat(41), false],
  ['', false],
  ['G T', false],
  ['GET,POST', false],
  ['GET\n', false],
  ['G\u00caT', false],
  [undefined, false],
])('%j is a method: %s', (method, is) => {
  expect(isMethod(method)).toBe(is);
});

it.each<[string, { path: string; query: string } | undefined]>([
  ['/', { path: '/', query: '' }],
  ['/a?', { path: '/a', query: '' }],
  ['/a?b=c?d', { path: '/a', query: 'b=c?d' }],
  ['/a%3Fb', { path: '/a%3Fb', query: '' }],
  ['//a', { path: '//a', query: '' }],
  ['/a#b?c', { path: '/a#b', query: 'c' }],
  ['?a', undefined],
  ['', undefined],
  ['*', undefined],
  ['a/b', undefined],
  ['http://h/', undefined],
])('the target %j is %j', (target, split) => {
  expect(splitTarget(target)).toEqual(split);
});

it.each<[string, object | undefined]>([
  ['http://h/a?b', { scheme: 'http', authority: 'h', target: '/a?b' }],
  ['http://h', { scheme: 'http', authority: 'h', target: '/' }],
  ['http://h?/admin', { scheme: 'http', authority: 'h?', target: '/admin' }],
  ['http://h#/admin', { scheme: 'http', authority: 'h#', target: '/admin' }],
  ['http://u@h:1//a', { scheme: 'http', authority: 'u@h:1', target: '//a' }],
  ['http:///a', { scheme: 'http', authority: '', target: '/a' }],
  ['http://h\\/a', { scheme: 'http', authority: 'h\\', target: '/a' }],
  ['http://h/a\nb', { scheme: 'http', authority: 'h', target: '/a\nb' }],
  ['//h/a', undefined],
  ['http:/h', undefined],
  ['1http://h/', undefined],
  ['/http://h/', undefined],
  ['', undefined],
])('the absolute URI %j is %j', (uri, split) => {
  expect(splitAbsolute(uri)).toEqual(split);
});
