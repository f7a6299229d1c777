import { expect } from '@jest/globals';
import { decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { asNginx, basic, call, listenOn, type Ports, type Serving } from './process.ts';

/** A service that believes passwords, makes tokens of 5 seconds, and changes its keys as is said. */
export function configured(rotate: string) {
  return (ports: Ports) => `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any, expires_in: 5s }
keys: { algorithm: ES256, rotate: ${rotate} }
drain: 0s
`;
}

let users = 0;

/** Of a user that was not seen before, so that it is a new one. */
export async function newToken({ ports }: Serving, user = `user-${users++}`): Promise<string> {
  const headers = { Authorization: basic(user, 'x') };
  const answer = await call({ port: ports.auth, ...asNginx(headers) });
  expect(answer.status).toBe(200);
  return String(answer.headers['x-custom-jwt']);
}

export function kidOf(jwt: string): string {
  return String(decodeProtectedHeader(jwt).kid);
}

export async function jwksOf({ ports }: Serving) {
  const { body, headers } = await call({ port: ports.public, path: '/jwks' });
  return { set: JSON.parse(body) as JSONWebKeySet, caching: headers['cache-control'] };
}
