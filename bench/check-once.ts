import { Client, credentials } from '@grpc/grpc-js';
import { checkResponse } from '../src/gateways/grpc/messages.ts';

export const checkPath = '/envoy.service.auth.v3.Authorization/Check';

/**
 * Asks as Envoy does over gRPC, once.
 *
 * @param message the bytes of a `CheckRequest`
 * @returns the bytes of the `CheckResponse`
 * @throws when the request is not allowed
 */
export async function checkOnce(port: number, message: Buffer): Promise<Buffer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  try {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(checkPath, same, same, message, (error, answer) => {
        if (error || answer === undefined) reject(error);
        else resolve(answer);
      });
    });
    const { status, okResponse } = checkResponse.decode(bytes);
    if (status.code !== 0 || !okResponse) throw new Error(`refused with code ${status.code}`);
    return bytes;
  } finally {
    client.close();
  }
}
