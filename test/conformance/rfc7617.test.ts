import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { claimsOf, nginxHeaders, startService, type TestService } from '../support/service.ts';

const directory = mkdtempSync(join(tmpdir(), 'rfc7617-'));
const users = { Aladdin: 'open sesame', test: '123£', colons: 'a:b:', Zoë: 'pässwörd' };

let service: TestService;
beforeAll(async () => {
  const cheap = { memoryCost: 8, timeCost: 1 };
  const lines = Object.entries(users).map(
    async ([user, password]) => `${user}:${await hash(password, cheap)}`,
  );
  writeFileSync(join(directory, 'users.htpasswd'), (await Promise.all(lines)).join('\n'));
  service = await startService(`
issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials:
  - basic: { verify: { htpasswd_file: ${directory}/users.htpasswd } }
token: { audience: orders }
`);
});
afterAll(async () => {
  await service.close();
  rmSync(directory, { recursive: true });
});

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const ask = (value: string) =>
  service.ask('/auth/nginx', [...nginxHeaders(), 'Authorization', value]);

describe('§2: user and password', () => {
  it.each([
    ['the example of the RFC', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'Aladdin'],
    ['its example in UTF-8 (§2.1)', 'Basic dGVzdDoxMjPCow==', 'test'],
    ['the scheme in any case', 'bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'Aladdin'],
    ['a password with colons', `Basic ${base64('colons:a:b:')}`, 'colons'],
    ['a user in UTF-8', `Basic ${base64('Zoë:pässwörd')}`, 'Zoë'],
  ])('are taken: %s', async (_what, value, user) => {
    const answer = await ask(value);
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({ client_id: user });
  });

  it.each([
    ['a wrong password', `Basic ${base64('Aladdin:open')}`],
    ['an unknown user', `Basic ${base64('Alibaba:open sesame')}`],
    ['a user in another case', `Basic ${base64('aladdin:open sesame')}`],
    ['a user with a space more', `Basic ${base64('Aladdin :open sesame')}`],
    ['no password', `Basic ${base64('Aladdin:')}`],
    ['no user', `Basic ${base64(':open sesame')}`],
    ['no colon', `Basic ${base64('Aladdin')}`],
    ['nothing', 'Basic'],
    ['the example in Latin-1', `Basic ${base64(Buffer.from('test:123\xa3', 'latin1'))}`],
    ['Zoë with a combining mark', `Basic ${base64('Zoe\u0308:pässwörd')}`],
    ['a control character', `Basic ${base64('Aladdin:open sesame\0')}`],
    ['a byte order mark', `Basic ${base64('\uFEFFAladdin:open sesame')}`],
    ['plain text', 'Basic Aladdin:open sesame'],
    ['base64url', `Basic ${Buffer.from('Zoë:pässwörd').toString('base64url')}`],
    ['a line break in base64', 'Basic QWxhZGRpbjpv cGVuIHNlc2FtZQ=='],
    ['something behind', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, realm="x"'],
    ['the user __proto__', `Basic ${base64('__proto__:x')}`],
  ])('are refused: %s', async (_what, value) => {
    const answer = await ask(value);
    expect(answer.status).toBe(401);
    // §2.1: the only encoding there is.
    expect(answer.headers['www-authenticate']).toBe('Basic realm="countersign", charset="UTF-8"');
  });

  it('are answered alike for a wrong password and an unknown user', async () => {
    const [wrong, unknown] = await Promise.all([
      ask(`Basic ${base64('Aladdin:open')}`),
      ask(`Basic ${base64('Alibaba:open')}`),
    ]);
    expect(wrong?.body).toBe(unknown?.body);
  });
});
