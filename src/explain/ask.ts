import { request as httpRequest, type RequestListener } from 'node:http';
import { duplexPair } from 'node:stream';
import type { Check, CheckCall } from '../gateways/grpc/check.ts';
import type { HeaderValueOption } from '../gateways/grpc/messages.ts';
import { createGatewayListener } from '../listen.ts';

/** What a gateway is answered. */
export interface GatewayAnswer {
  readonly status: number;
  /** Lines, name and value in turn, without those that speak of the connection. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface HttpCall {
  readonly method: string;
  readonly path: string;
  /** Lines, name and value in turn. */
  readonly headers: readonly string[];
}

const ofConnection = new Set(['connection', 'keep-alive', 'date']);

/** Calls a listener over a connection that stays in this process, as a gateway would over another. */
export function askOverHttp(
  listener: RequestListener,
  { method, path, headers }: HttpCall,
): Promise<GatewayAnswer> {
  const server = createGatewayListener(listener, {});
  const [mine, theirs] = duplexPair();
  // As a closed socket would.
  theirs.on('close', () => mine.push(null));
  server.emit('connection', theirs);
  const answered = new Promise<GatewayAnswer>((resolve, reject) => {
    const call = httpRequest({
      ...{ method, path, setHost: false, headers: [...headers] as never },
      createConnection: () => mine,
    });
    call.on('error', reject).on('response', (response) => {
      const { statusCode: status = 0, rawHeaders } = response;
      const isShown = (at: number) =>
        !ofConnection.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase());
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      // An answer without a length ends with its connection (RFC 9112 §6.3), which newer versions of
      // Node call an error when both ends are in one process.
      response
        .on('error', () => {})
        .on('close', () => {
          resolve({ status, headers: rawHeaders.filter((_, at) => isShown(at)), body });
        });
    });
    call.end();
  });
  return answered.finally(() => {
    mine.destroy();
    theirs.destroy();
  });
}

/** Asks as Envoy does over gRPC, and reads the answer as HTTP's: what is set on either side of it. */
export async function askOverGrpc(check: Check, call: CheckCall): Promise<GatewayAnswer> {
  const { checkResponse } = await import('../gateways/grpc/messages.ts');
  const { okResponse, deniedResponse } = checkResponse.decode(await check(call));
  if (deniedResponse) {
    const { status, headers, body } = deniedResponse;
    return { status: status.code, headers: linesOf(headers), body };
  }
  const { headers = [], responseHeadersToAdd = [] } = okResponse ?? {};
  return { status: 200, headers: linesOf([...headers, ...responseHeadersToAdd]), body: '' };
}

function linesOf(options: readonly HeaderValueOption[]): string[] {
  return options.flatMap(({ header }) => [
    header.key,
    Buffer.from(header.value).toString('latin1'),
  ]);
}
