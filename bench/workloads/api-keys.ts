import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askAsNginx } from '../asking.ts';
import { withoutReuse } from '../configuration.ts';
import type { Service, Workload } from '../workload.ts';

const lines = ['apikey: {}'];
const credentials = [{ api_key: { header: 'apikey', verify: { keys_file: 'api-keys.yaml' } } }];

function apiKeys(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `csk_${sha256(`bench ${index}`)}`);
}

function keysFile(count: number): string {
  return apiKeys(count)
    .map((key, index) => `- { owner: owner-${index}, sha256: '${sha256(key)}' }\n`)
    .join('');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function serviceOf(count: number, configuration: Service['configuration']): Service {
  return {
    configuration: { credentials, ...configuration },
    prepare: (directory) => writeFileSync(join(directory, 'api-keys.yaml'), keysFile(count)),
  };
}

/** Each request looks its key up, and signs as cheaply as can be. */
const lookingUp = { ...withoutReuse, keys: { algorithm: 'ES256', directory: 'keys' } };

export const apiKey: readonly Workload[] = [
  {
    name: 'api-key',
    title: '2,000 API keys of 100,000 in turn',
    service: serviceOf(100_000, {}),
    asked: askAsNginx({ values: () => apiKeys(2000), lines }),
    floor: { kind: 'answer' },
    bounds: [],
    quick: false,
  },
  {
    name: 'api-key-lookup',
    title: 'One API key looked up among 100,000; floor: it is the only one',
    service: serviceOf(100_000, lookingUp),
    asked: askAsNginx({ values: () => apiKeys(1), lines }),
    floor: { kind: 'service', service: serviceOf(1, lookingUp) },
    bounds: [{ kind: 'growth', percent: 10, micros: 2 }],
    quick: true,
  },
];
