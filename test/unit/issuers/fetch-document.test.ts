import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { fetchDocument, parseJsonObject } from '../../../src/issuers/fetch-document.ts';
import { refuseUrl } from '../../../src/issuers/trusted-url.ts';
import {
  type Answer,
  answerJson,
  answerStatus,
  answerText,
  hang,
  reset,
  startProvider,
} from './provider.ts';

const maxBytes = 64 * 1024;
let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
beforeEach(() => provider.reset());
afterAll(() => provider.stop());

/** Long, but for those that are to run into it: machines are shared. */
async function fetchAnswer(answer: Answer, deadlineMs = 20_000) {
  provider.set('/document', answer);
  const url = `${provider.origin}/document`;
  return fetchDocument({ url, maxBytes, purpose: 'jwks', parse: parseJsonObject, deadlineMs });
}

const drip: Answer = (_request, response) => {
  response.write('{');
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
};
const endless: Answer = (_request, response) => {
  const more = () => {
    while (response.write(' '.repeat(16_384)));
  };
  response.on('drain', more);
  more();
};
const breakingOff: Answer = (_request, response) => {
  response.writeHead(200, { 'content-length': '100' });
  response.write('{"a":1}', () => response.socket?.end());
};
const understated: Answer = (request) =>
  void request.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{"a":1}');

describe('a document', () => {
  it('is a JSON object with its max-age', async () => {
    const fetched = await fetchAnswer(
      answerJson({ a: 1 }, { 'cache-control': 'public, s-maxage=9, max-age=300' }),
    );
    expect(fetched).toEqual({ ok: true, document: { a: 1 }, maxAgeSeconds: 300 });
  });

  it('may be compressed', async () => {
    const zipped = answerText(gzipSync('{"a":1}'), { 'content-encoding': 'gzip' });
    expect(await fetchAnswer(zipped)).toMatchObject({ ok: true, document: { a: 1 } });
  });

  it('may be as long as the limit', async () => {
    const longest = answerText(`{"a":1}${' '.repeat(maxBytes - 7)}`);
    expect(await fetchAnswer(longest)).toMatchObject({ ok: true });
  });

  it.each<[string, Answer, string]>([
    ['a server that never answers', hang, 'no whole answer within 250 ms'],
    ['a body that drips', drip, 'no whole answer within 250 ms'],
    ['a reset connection', reset, 'UND_ERR_SOCKET'],
    ['a body that breaks off', breakingOff, 'UND_ERR_SOCKET'],
    ['a body longer than its content-length', understated, 'not the JSON that was expected'],
    ['a server error', answerStatus(500), 'status 500'],
    ['a missing document', answerStatus(404), 'status 404'],
    ['another success', answerStatus(203), 'status 203'],
    ['a redirect', answerStatus(302, { location: '/other' }), 'redirects are not followed'],
    [
      'a body one byte too long',
      answerText(`{"a":1}${' '.repeat(maxBytes - 6)}`),
      'more than 65536 bytes',
    ],
    ['a body without end', endless, 'more than 65536 bytes'],
    [
      'a small body that decompresses to a huge one',
      answerText(gzipSync(Buffer.alloc(20_000_000, ' ')), { 'content-encoding': 'gzip' }),
      'more than 65536 bytes',
    ],
    [
      'a body that is not compressed as it says',
      answerText('{"a":1}', { 'content-encoding': 'gzip' }),
      'Z_DATA_ERROR',
    ],
    ['HTML', answerText('<html></html>'), 'not the JSON that was expected'],
    ['an empty body', answerText(''), 'not the JSON that was expected'],
    ['a JSON list', answerJson([]), 'not the JSON that was expected'],
    ['JSON null', answerJson(null), 'not the JSON that was expected'],
    [
      'bytes that are not UTF-8',
      answerText(Uint8Array.of(0x7b, 0xff, 0x7d)),
      'ERR_ENCODING_INVALID_ENCODED_DATA',
    ],
  ])('is not read from %s', async (_name, answer, reason) => {
    const deadlineMs = reason.includes('within') ? 250 : undefined;
    expect(await fetchAnswer(answer, deadlineMs)).toEqual({ ok: false, reason });
  });

  it('is not fetched from where a redirect points', async () => {
    provider.set('/other', answerJson({ a: 1 }));
    await fetchAnswer(answerStatus(302, { location: '/other' }));
    expect(provider.requests).toEqual(['/document']);
  });

  it('is reported as not to be had when nobody listens', async () => {
    const stopped = await startProvider();
    await stopped.stop();
    const fetched = await fetchDocument({
      url: stopped.origin,
      maxBytes,
      purpose: 'jwks',
      parse: parseJsonObject,
    });
    expect(fetched).toEqual({ ok: false, reason: 'ECONNREFUSED' });
  });

  it('is asked for over one connection when the answers are read to their end', async () => {
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 5; i++) {
      await fetchAnswer((request, response) => {
        ports.add(request.socket.remotePort);
        response.end('{}');
      });
    }
    expect(ports.size).toBeLessThan(5);
  });
});

describe('a URL', () => {
  it.each([
    'https://idp.example.com/realms/acme',
    'https://10.1.2.3:8443/jwks',
    'http://127.0.0.1:8080/jwks',
    'http://127.1/jwks',
    'http://localhost/jwks',
    'http://[::1]:8080/jwks',
  ])('%s is fetched', (url) => {
    expect(refuseUrl(url)).toBeUndefined();
  });

  it.each([
    ['http://idp.example.com/', 'https is required, except on loopback'],
    ['http://10.1.2.3/', 'https is required, except on loopback'],
    ['http://localhost.example.com/', 'https is required, except on loopback'],
    ['http://0.0.0.0/', 'https is required, except on loopback'],
    ['file:///etc/passwd', 'https is required, except on loopback'],
    ['data:application/json,{}', 'https is required, except on loopback'],
    ['https://user:secret@idp.example.com/', 'a URL with credentials is not fetched'],
    ['https://169.254.169.254/latest', 'link-local addresses are not fetched'],
    ['https://0xa9fea9fe/latest', 'link-local addresses are not fetched'],
    ['https://[::ffff:169.254.169.254]/', 'link-local addresses are not fetched'],
    ['https://[fe80::1]/', 'link-local addresses are not fetched'],
    ['https://[fd00:ec2::254]/', 'link-local addresses are not fetched'],
    ['/jwks', 'not a URL'],
  ])('%s is not fetched: %s', async (url, reason) => {
    expect(refuseUrl(url)).toBe(reason);
    const fetched = await fetchDocument({ url, maxBytes, purpose: 'jwks', parse: parseJsonObject });
    expect(fetched).toEqual({ ok: false, reason });
  });
});
