import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { clients, clientWith, createTestApp, now, slowHash } from '../../support/public-app.ts';

function start(rates: Parameters<typeof clientWith>[0][] = []) {
  let at = now;
  const checked: string[] = [];
  const test = createTestApp({
    clients: [...clients, ...rates.map(clientWith)],
    now: () => at,
    verifyPassword: async (_hash, password) => {
      checked.push(password);
      return password === 'slow-secret';
    },
  });
  const ask = (user: string, password = `${user}-secret`) =>
    request(test.app).post('/introspect').auth(user, password).type('form').send('token=t');
  const times = async (count: number, user: string, password?: string) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push((await ask(user, password)).status);
    return statuses;
  };
  const advance = (ms: number) => {
    at += ms;
  };
  return { ...test, ask, times, advance, checked };
}

const few = {
  ...{ id: 'few', secretHash: slowHash, rate: { count: 3, per: 60_000 } },
};

describe('the rate of a client', () => {
  it('is kept: beyond it the answer is 429, with when to come back', async () => {
    const { ask, times, advance } = start([few]);
    expect(await times(4, 'few', 'slow-secret')).toEqual([200, 200, 200, 429]);
    const { headers, body } = await ask('few', 'slow-secret');
    expect(headers).toMatchObject({
      'retry-after': '20',
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    expect(body).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'The client asks too often',
    });
    advance(20_000);
    expect(await times(2, 'few', 'slow-secret')).toEqual([200, 429]);
  });

  it('is nobody else’s, and only the client itself uses it up', async () => {
    const { times } = start([few]);
    expect(await times(5, 'few', 'wrong')).toEqual([401, 401, 401, 401, 401]);
    expect(await times(4, 'few', 'slow-secret')).toEqual([200, 200, 200, 429]);
    expect(await times(4, 'orders')).toEqual([200, 200, 200, 200]);
  });

  it('is logged once in a while, with the client’s name', async () => {
    const { times, advance, events } = start([few]);
    await times(8, 'few', 'slow-secret');
    expect(events).toEqual([
      {
        event: 'client_refused',
        client: 'few',
        status: 429,
        error: 'temporarily_unavailable',
        description: 'The client asks too often',
      },
    ]);
    advance(10_000);
    await times(1, 'few', 'slow-secret');
    expect(events).toHaveLength(2);
  });
});

describe('an address that fails to authenticate', () => {
  it('too often gets 429 for every further failure, whoever it says it is', async () => {
    const { ask, times } = start();
    expect(new Set(await times(20, 'nobody', 'guess'))).toEqual(new Set([401]));
    for (const user of ['nobody', 'slow', 'orders', 'public']) {
      const { status, headers, body } = await ask(user, 'guess');
      expect({ status, body, after: headers['retry-after'] }).toEqual({
        status: 429,
        body: {
          error: 'temporarily_unavailable',
          error_description: 'Too many failed authentications',
        },
        after: '1',
      });
    }
  });

  it('costs no slow check then, and cannot guess on', async () => {
    const { times, checked } = start();
    await times(20, 'slow', 'guess');
    expect(checked).toHaveLength(20);
    expect(await times(1, 'slow', 'slow-secret')).toEqual([429]);
    expect(checked).toHaveLength(20);
  });

  it('locks out nobody beside it whose secret was generated', async () => {
    const { times } = start();
    await times(25, 'orders', 'guess');
    expect(await times(3, 'orders')).toEqual([200, 200, 200]);
  });

  it('may try again after a while, one at a time', async () => {
    const { times, advance } = start();
    await times(25, 'nobody', 'guess');
    advance(1_000);
    expect(await times(2, 'nobody', 'guess')).toEqual([401, 429]);
    advance(1_000);
    expect(await times(1, 'slow', 'slow-secret')).toEqual([200]);
  });

  it('is not counted for what is no attempt', async () => {
    const { app, times } = start();
    for (let i = 0; i < 30; i++) {
      await request(app).post('/introspect').type('form').send('token=t&token=t');
    }
    expect(await times(1, 'slow', 'slow-secret')).toEqual([200]);
  });
});
