import { expect, it } from '@jest/globals';
import request from 'supertest';
import { createTestApp } from '../../support/public-app.ts';

it('answers are counted by endpoint and status, never by what a stranger chooses', async () => {
  const { app, counts } = createTestApp();
  for (const path of ['/jwks', '/jwks?a=1', '/.well-known/jwks.json', '/nothing-here-%2e']) {
    await request(app).get(path);
  }
  await request(app).post('/jwks');
  await request(app).post('/revoke').type('form').send({ token: 'a' });
  expect(counts.responses()).toEqual([
    [{ endpoint: 'jwks', status: '200' }, 3],
    [{ endpoint: 'jwks', status: '405' }, 1],
    [{ endpoint: 'revoke', status: '401' }, 1],
  ]);
});

it('tokens that clients ask about are counted by whether they are active', async () => {
  const { app, counts } = createTestApp();
  for (const secret of ['orders-secret', 'orders-secret', 'wrong']) {
    await request(app)
      .post('/introspect')
      .auth('orders', secret)
      .type('form')
      .send({ token: 'not one' });
  }
  expect(counts.introspections()).toEqual({ active: 0, inactive: 2 });
});
