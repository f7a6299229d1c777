import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeCheckRequest } from '../../src/gateways/grpc/decode-check-request.ts';
import { checkRequest, checkResponse } from '../../src/gateways/grpc/messages.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
listen: { grpc: 127.0.0.1:9001 }
gateways: { envoy_grpc: { client_certificate: true } }
credentials: [{ basic: { trust: gateway } }, { client_certificate: { trust: gateway } }]
token: { upstream_hosts: any, claims: { all: 'request.headers' } }
`);
});
afterAll(() => service.close());

async function answerTo(bytes: Uint8Array) {
  const request = decodeCheckRequest(Buffer.from(bytes));
  const call = { request, peer: {}, secret: undefined, statedCredential: undefined };
  return checkResponse.decode((await service.check?.(call)) ?? Buffer.alloc(0));
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('GET', '/', 'https', 'api.example.com', ':path', 'authorization', 'Basic YTpi'),
);
const headers = fc.array(
  fc.record({
    key: text,
    value: text.map((value) => Buffer.from(value)),
    rawValue: text.map((value) => Buffer.from(value)),
  }),
  { maxLength: 8 },
);
const request = fc.record({
  attributes: fc.record({
    source: fc.record({ certificate: text }),
    request: fc.record({
      http: fc.record(
        {
          ...{ method: text, host: text, scheme: text, headers },
          path: text.map((path) => Buffer.from(path)),
          headerMap: fc.record({ headers }),
        },
        { requiredKeys: ['method', 'host', 'scheme', 'path', 'headers'] },
      ),
    }),
  }),
});

/** Whatever comes, the answer says yes or no, and yes only with a token. */
async function expectDecision(bytes: Uint8Array) {
  const { status, okResponse, deniedResponse } = await answerTo(bytes);
  const code = deniedResponse?.status.code;
  if (status.code === 0) {
    expect(deniedResponse ?? undefined).toBeUndefined();
    expect(okResponse?.headers[0]?.header.key).toBe('x-custom-jwt');
  } else {
    expect([status.code, code]).toEqual(code === 401 ? [16, 401] : [7, 403]);
    expect(okResponse ?? undefined).toBeUndefined();
  }
}

it('decides about any bytes', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), expectDecision), {
    numRuns: 2000,
  });
});

it('decides about any request, whole, cut off or with a byte changed', async () => {
  const mangled = fc
    .tuple(request, fc.nat(), fc.nat(255), fc.constantFrom('whole', 'cut', 'changed'))
    .map(([message, at, byte, how]) => {
      const bytes = Buffer.from(checkRequest.encode(message as never));
      if (how === 'cut') return bytes.subarray(0, at % (bytes.length + 1));
      if (how === 'changed') bytes[at % bytes.length] = byte;
      return bytes;
    });
  await fc.assert(fc.asyncProperty(mangled, expectDecision), { numRuns: 3000 });
});

it('reads every message as a protobuf library does', () => {
  const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  const utf8 = (string: string) => latin1(Buffer.from(string));
  fc.assert(
    fc.property(request, (message) => {
      const bytes = Buffer.from(checkRequest.encode(message as never));
      const { source, request: asked } = checkRequest.decode(bytes).attributes ?? {};
      const http = asked?.http;
      const linesOf = (all: readonly { key: string; value: Uint8Array; rawValue: Uint8Array }[]) =>
        all.flatMap((line) => [utf8(line.key), latin1(line.rawValue) || latin1(line.value)]);
      expect(decodeCheckRequest(bytes)).toMatchObject({
        hasHttp: true,
        method: utf8(http?.method ?? ''),
        scheme: utf8(http?.scheme ?? ''),
        host: utf8(http?.host ?? ''),
        path: latin1(http?.path ?? Buffer.alloc(0)),
        certificate: utf8(source?.certificate ?? ''),
        joinedLines: linesOf(http?.headers ?? []),
        lines: http?.headerMap ? linesOf(http.headerMap.headers) : undefined,
      });
    }),
    { numRuns: 1000 },
  );
});

it('lays the pieces of a message that comes in several over one another', () => {
  const piece = (http: object) =>
    checkRequest.encode({ attributes: { request: { http } } } as never);
  const line = { key: 'accept', value: Buffer.from('a'), rawValue: Buffer.alloc(0) };
  const bytes = Buffer.concat([
    piece({ method: 'GET', host: 'a', headers: [line] }),
    piece({ host: 'b', headers: [line] }),
  ]);
  expect(decodeCheckRequest(bytes)).toMatchObject({
    ...{ method: 'GET', host: 'b' },
    joinedLines: ['accept', 'a', 'accept', 'a'],
  });
});

it.each([
  ['a message that is longer than what is there', '0a05'],
  ['a field that is longer than its message', '0a0422021201'],
  ['a number where text should be, as a field nobody knows', '0a0622041202100f'],
])('takes no request from %s', (_what, hex) => {
  expect(decodeCheckRequest(Buffer.from(hex, 'hex'))).toMatchObject({ method: '', host: '' });
});
