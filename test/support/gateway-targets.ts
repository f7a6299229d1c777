import { expect, it } from '@jest/globals';
import { alice, ask, seenBy, sendRaw } from './gateway-client.ts';
import type { GatewayLab } from './gateway-lab.ts';
import type { GatewayTraits } from './gateway-traits.ts';

/** Countersign decides about the request that the backend gets, whatever a client writes. */
export function testTargets(traits: GatewayTraits, lab: () => GatewayLab): void {
  const { pathOf, backendPathOf = pathOf, statusOfPath, absoluteForm = 'names the host' } = traits;

  it.each([
    ['/a%2Fb', ''],
    ['/a%2fb//c', 'q=%20z&q=2'],
    ['/a/../b', ''],
    ['//double//x', 'x=/../y'],
    ['/caf%C3%A9', '?'],
  ])('hands %s ? %s to Countersign and backend', async (path, query) => {
    const url = query === '' ? path : `${path}?${query}`;
    const answer = await ask(lab(), ['Authorization', alice], { path: url, method: 'DELETE' });
    expect(answer.status).toBe(statusOfPath?.(path) ?? 200);
    if (answer.status !== 200) return;
    const { claims, url: forBackend } = seenBy(answer);
    expect(claims).toMatchObject({
      method: 'DELETE',
      scheme: 'http',
      host: 'api.example.com',
      path: pathOf(path),
      query,
    });
    expect(forBackend).toBe(`${backendPathOf(path)}${query === '' ? '' : '?'}${query}`);
  });

  it.each([
    ['X-Original-URL', 'http://admin.example.com/admin'],
    ['X-Original-Method', 'PATCH'],
    ['X-Forwarded-Host', 'admin.example.com'],
    ['X-Forwarded-Uri', '/admin'],
    ['X-Forwarded-Method', 'PATCH'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Countersign-Credential', 'client_certificate'],
    ['X-SSL-Client-Verify', 'SUCCESS'],
  ])('overwrites or ignores a forged %s', async (header, value) => {
    const headers = ['Authorization', alice, header, value];
    const { claims } = seenBy(await ask(lab(), headers, { path: '/real' }));
    expect(claims).toMatchObject({
      client_id: 'alice',
      method: 'GET',
      scheme: 'http',
      host: 'api.example.com',
      path: '/real',
    });
  });

  it('tells Countersign the host that the backend gets', async () => {
    const { claims, headers } = seenBy(await ask(lab(), ['Authorization', alice]));
    expect(claims).toMatchObject({ host: 'api.example.com' });
    expect(headers).toContainEqual(['host', 'api.example.com']);
  });

  it(`serves one host when the target is absolute and Host another: it ${absoluteForm}`, async () => {
    const before = lab().backend.seen.length;
    const { status } = await sendRaw(
      lab(),
      `GET http://other.example.com/absolute?q HTTP/1.1\r\nHost: api.example.com\r\n` +
        `Authorization: ${alice}\r\nX-Forwarded-Host: admin.example.com\r\n` +
        'X-Forwarded-Uri: http://admin.example.com/admin\r\n' +
        'X-Original-URL: http://admin.example.com/admin\r\nConnection: close\r\n\r\n',
    );
    const seen = lab().backend.seen.slice(before);
    if (absoluteForm === 'is refused') {
      expect({ status, seen }).toEqual({ status: 400, seen: [] });
      return;
    }
    expect(status).toBe(200);
    expect(seen).toHaveLength(1);
    const host = absoluteForm === 'names the host' ? 'other.example.com' : 'api.example.com';
    expect(seen[0]?.claims).toMatchObject({ host, path: '/absolute', query: 'q' });
    expect(seen[0]?.headers.filter(([header]) => header === 'host')).toEqual([['host', host]]);
  });
}
