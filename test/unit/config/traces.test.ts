import { describe, expect, it } from '@jest/globals';
import { printConfiguration } from '../../../src/config/print.ts';
import { load, problemsOf, withKeys } from './base.ts';

const endpoint = 'endpoint: https://otlp.example.com/v1/traces';
const tracesOf = (traces: string) => load(withKeys({ traces })).configuration.traces;
const messagesOf = (traces: string) =>
  problemsOf(withKeys({ traces })).map(({ key, message }) => `${key}: ${message}`);

describe('traces', () => {
  it('need an endpoint, and trust nobody', () => {
    expect(tracesOf(`{ ${endpoint} }`)).toEqual({
      endpoint: 'https://otlp.example.com/v1/traces',
      ...{ service_name: 'countersign', sample: 0.1, trust_parent: false },
    });
    expect(load(withKeys({})).configuration.traces).toBeUndefined();
  });

  it('go over http to any address, as long as no secret goes with them', () => {
    const plain = 'endpoint: http://collector.svc:4318/v1/traces';
    expect(messagesOf(`{ ${plain} }`)).toEqual([]);
    expect(messagesOf(`{ ${plain}, headers_file: otlp.headers }`)).toEqual([
      'traces.headers_file: would be sent in the clear; write an https endpoint',
    ]);
    const near = 'endpoint: http://127.0.0.1:4318/v1/traces';
    expect(messagesOf(`{ ${near}, headers_file: otlp.headers }`)).toEqual([]);
  });

  it('are printed as they could be written', () => {
    const printed = printConfiguration(
      load(withKeys({ traces: `{ ${endpoint}, sample: 0.5% }` })).configuration,
    );
    expect(printed).toContain('sample: 0.5%');
  });

  it.each([
    ['endpoint: https://otlp.example.com', /the whole URL of an OTLP receiver/],
    ['endpoint: https://user:pw@otlp.example.com/v1/traces', /holds a user or an @/],
    ['endpoint: grpc://otlp.example.com/v1/traces', /the whole URL of an OTLP receiver/],
    ['endpoint: any, headers_file: otlp.headers', /the whole URL of an OTLP receiver/],
    [`${endpoint}, sample: 0%`, /above 0%/],
    [`${endpoint}, sample: 101%`, /above 0%/],
    [`${endpoint}, sample: 0.1`, /above 0%/],
    ['sample: 10%', /endpoint: is missing/],
  ])('refuse %s', (settings, message) => {
    const messages = messagesOf(`{ ${settings} }`);
    expect(messages).toEqual([expect.stringMatching(message)]);
    expect(messages.join()).not.toContain('pw');
  });
});
