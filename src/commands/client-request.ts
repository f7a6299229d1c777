import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isMethod, splitAbsolute } from '../gateways/original-target.ts';
import type { ClientRequest } from '../gateways/present.ts';
import type { ProfileName } from '../gateways/profiles.ts';
import { CommandError, UsageError } from './command.ts';

export const requestOptions = {
  header: { type: 'string', short: 'H', multiple: true },
  cert: { type: 'string' },
  consumer: { type: 'string', multiple: true },
  'upstream-url': { type: 'string' },
  verified: { type: 'string' },
} as const;

export interface RequestOptions {
  /** `Name: value`. */
  readonly header?: readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly consumer?: readonly string[] | undefined;
  readonly 'upstream-url'?: string | undefined;
  readonly verified?: string | undefined;
}

/**
 * Reads a request as a client sends it. Messages never quote a header's value.
 *
 * @param words `[method] URL`
 * @throws UsageError, or CommandError when a file cannot be used
 */
export function readClientRequest(
  words: readonly string[],
  options: RequestOptions,
  profile: ProfileName,
): Omit<ClientRequest, 'secret'> {
  const [url, method = 'GET', ...more] = words.toReversed();
  if (url === undefined || more.length > 0) throw new UsageError('Give a method and a URL');
  if (!isMethod(method)) throw new UsageError('The method is none');
  if (method === 'CONNECT') throw new UsageError('CONNECT asks for a tunnel, and for no URL');
  const { consumer = [], 'upstream-url': upstreamUrl } = options;
  if (profile !== 'kong' && (consumer.length > 0 || upstreamUrl !== undefined)) {
    throw new UsageError('--consumer and --upstream-url are what only Kong states');
  }
  const { scheme, authority, target } = readUrl(url);
  const lines = (options.header ?? []).map(readHeader);
  const hosts = lines.filter(([name]) => name.toLowerCase() === 'host');
  if (hosts.length > 1) throw new UsageError('Give one Host header: gateways refuse two');
  return {
    ...{ method, scheme, target, host: hosts[0]?.[1] ?? authority },
    headers: lines.filter((line) => line !== hosts[0]).flat(),
    certificate: options.cert === undefined ? [] : readChain(options.cert, scheme),
    consumer: consumer.flatMap(readConsumer),
    upstreamUrl,
    verified: options.verified,
  };
}

function readUrl(url: string) {
  const parts = splitAbsolute(wireText(url));
  const scheme = parts?.scheme.toLowerCase();
  if (parts === undefined || (scheme !== 'http' && scheme !== 'https')) {
    throw new UsageError('Give the URL that the client asks for, such as https://host/path');
  }
  // No client sends these, and no HTTP library lets them through.
  if (/[\x00-\x20\x7f]/.test(url)) throw new UsageError('Write the URL without spaces, as %20');
  return { ...parts, scheme } as const;
}

function readHeader(line: string): readonly [name: string, value: string] {
  const [, name = '', value = ''] = /^([^:]*):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? [];
  if (!isFieldName(name)) throw new UsageError('Write headers as -H "Name: value"');
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) {
    throw new UsageError(`The value of ${name} has a control character`);
  }
  return [name, wireText(value)];
}

/** RFC 9110 §5.1: a token, like a method, but as long as it likes. */
function isFieldName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
}

/** Clients send the bytes of UTF-8, which HTTP libraries show as Latin-1. */
function wireText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

const consumerHeaders: Readonly<Record<string, string>> = {
  id: 'X-Consumer-ID',
  custom_id: 'X-Consumer-Custom-ID',
  username: 'X-Consumer-Username',
  credential_identifier: 'X-Credential-Identifier',
};

/** `id=…`, `custom_id=…`, `username=…`, `credential_identifier=…`, an id alone, or `anonymous`. */
function readConsumer(text: string): readonly string[] {
  if (text === 'anonymous') return ['X-Anonymous-Consumer', 'true'];
  const [name = '', value] = text.split(/=(.*)/s);
  const header = consumerHeaders[value === undefined ? 'id' : name];
  if (header !== undefined) return [header, wireText(value ?? text)];
  throw new UsageError(`A consumer has ${Object.keys(consumerHeaders).join(', ')}`);
}

function readChain(file: string, scheme: string): readonly Uint8Array[] {
  if (scheme === 'http') throw new UsageError('--cert needs an https URL');
  try {
    const blocks = readFileSync(file, 'latin1').match(
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
    );
    const chain = (blocks ?? []).map((pem) => new X509Certificate(pem).raw);
    if (chain.length > 0) return chain;
  } catch (error) {
    const { code = 'damaged' } = error as NodeJS.ErrnoException;
    throw new CommandError(`${file} cannot be used (${code})`);
  }
  throw new CommandError(`${file} holds no certificate in PEM`);
}
