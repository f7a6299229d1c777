import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfigurationFile } from '../../../src/config/load.ts';
import { ConfigurationError } from '../../../src/config/problems.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const base = `issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { verify: { htpasswd_file: users } } }]
token: { upstream_hosts: any }
`;

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
}

function load(text: string) {
  return readConfigurationFile(write('countersign.yaml', text), {});
}

function messageOf(load: () => unknown): string {
  try {
    load();
    return '';
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.replaceAll(directory, '.');
    throw error;
  }
}

describe('files that hold secrets', () => {
  it('are read from the directory of the configuration, without their last line break', () => {
    write('introspection', 'a secret\n');
    write('sha', `${'AB'.repeat(32)}\r\n`);
    write('hash', `$2b$10$${'a'.repeat(53)}\n`);
    write('gateway', 'first-0123456789\nsecond-0123456789\n');

    const { configuration } = load(
      `${base}callers: { secret_file: gateway }
clients:
  - { id: a, secret_sha256_file: sha, may: [introspect], audiences: any }
  - { id: b, secret_hash_file: hash, may: [introspect], audiences: any }
`.replace(
        'credentials: [',
        'credentials: [{ bearer: { verify: { introspection: { endpoint: https://a, client_id: b, client_secret_file: introspection } } } }, ',
      ),
    );

    expect(configuration.callers?.secrets).toEqual(['first-0123456789', 'second-0123456789']);
    expect(configuration.callers?.secret_file).toBe(join(directory, 'gateway'));
    expect(configuration.credentials[0]?.bearer?.verify).toMatchObject({
      introspection: { client_secret: 'a secret' },
    });
    expect(
      configuration.clients.map((client) => client.secret_sha256 ?? client.secret_hash),
    ).toEqual(['ab'.repeat(32), `$2b$10$${'a'.repeat(53)}`]);
  });

  it('are all reported with the line that names them, and never with what they hold', () => {
    write('short', 'hunter2\n');
    write('empty', '\n');
    const text = `${base}callers: { secret_file: short }
clients:
  - { id: a, secret_sha256_file: short, may: [introspect], audiences: any }
  - { id: b, secret_hash_file: empty, may: [introspect], audiences: any }
  - { id: c, secret_hash_file: none, may: [introspect], audiences: any }
`;
    const message = messageOf(() => load(text));
    expect(message.split('\n')).toEqual([
      './countersign.yaml:5: callers.secret_file: "./short" must hold lines of at least 16 visible ASCII characters, without spaces',
      './countersign.yaml:7: clients[0].secret_sha256_file: "./short" is not a SHA-256; write 64 hex digits, as `hash --key` prints them',
      './countersign.yaml:8: clients[1].secret_hash_file: "./empty" is empty',
      './countersign.yaml:9: clients[2].secret_hash_file: "./none" cannot be read (ENOENT)',
    ]);
  });

  it.each([
    ['changeme-changeme-changeme', 'holds a placeholder'],
    ['<put-your-secret-here>', 'holds a placeholder'],
    ['your-gateway-secret-0', 'holds a placeholder'],
    ['password123456789', 'holds a placeholder'],
    ['xxxxxxxxxxxxxxxxxxxx', 'holds a placeholder'],
    ['good-0123456789ab\n\n', 'must hold lines of at least 16'],
    ['a-0123456789012\na-0123456789012\na-0123456789012', 'has more than two lines'],
    ['with a space 0123456789', 'must hold lines of at least 16'],
  ])('the gateway secret %j is refused', (content, message) => {
    write('gateway', content);
    expect(messageOf(() => load(`${base}callers: { secret_file: gateway }`))).toContain(message);
  });

  it('are not named beside the secret itself', () => {
    const client = `{ id: a, secret_sha256: ${'a'.repeat(64)}, secret_sha256_file: b, may: [introspect], audiences: any }`;
    expect(messageOf(() => load(`${base}clients: [${client}]`))).toBe(
      './countersign.yaml:5: clients[0]: has secret_sha256 and secret_sha256_file; keep one',
    );
  });
});

describe('the configuration file', () => {
  it('must be there', () => {
    expect(messageOf(() => readConfigurationFile(join(directory, 'none.yaml'), {}))).toBe(
      './none.yaml: cannot be read (ENOENT)',
    );
  });

  it('must be UTF-8', () => {
    const file = write('latin1.yaml', Buffer.from('issuer: \xe9', 'latin1'));
    expect(messageOf(() => readConfigurationFile(file, {}))).toBe('./latin1.yaml: is not UTF-8');
  });

  it('of the documentation loads once its secrets are there', () => {
    write('gateway', 'gateway-0123456789');
    write('introspection', 'introspection');
    write('orders.sha256', 'a'.repeat(64));
    const example = readFileSync(
      join(import.meta.dirname, '../../../docs/configuration.example.yaml'),
      'utf8',
    );
    const { configuration } = load(example.replaceAll('/run/secrets/', ''));
    expect(Object.keys(configuration.gateways)).toEqual(['nginx', 'edge']);
    expect(configuration.token.claims['region']).toEqual({ value: 'eu' });
  });
});
