import { z } from 'zod';
import { expects } from '../wording.ts';
import { kinds } from './kinds.ts';
import { isLoopback, userInfo } from './names.ts';
import { fileName, text } from './values.ts';

const endpointError = expects(
  'the whole URL of an OTLP receiver',
  'write https://collector.example.com:4318/v1/traces',
);

const sampleError = expects('a percentage above 0%, up to 100%', 'write 10%');

/** Spans, and where they go: OTLP over HTTP. */
export const tracesSchema = z
  .strictObject({
    endpoint: z
      .string(endpointError)
      .refine((written) => !written.includes('@'), userInfo)
      .refine(isEndpoint, endpointError)
      .meta({ title: kinds.url })
      .describe(
        'Where spans go: OTLP over HTTP (protobuf); the whole URL, mostly with `/v1/traces`',
      ),
    headers_file: fileName
      .optional()
      .describe('A file with headers for it, `Name: value` on each line; read for each delivery'),
    ca_file: fileName.optional().describe('Trusted CAs (PEM) instead of those that Node knows'),
    service_name: text.default('countersign').describe('`service.name` of the spans'),
    sample: z
      .string(sampleError)
      .regex(/^\d{1,3}(\.\d+)?%$/, sampleError)
      .transform((written) => Number.parseFloat(written) / 100)
      .refine((fraction) => fraction > 0 && fraction <= 1, sampleError)
      .meta({ title: kinds.percentage })
      .prefault('10%')
      .describe('How many traces are recorded, also of those that the caller records'),
    trust_parent: z
      .boolean()
      .default(false)
      .describe(
        'Whether the caller’s `traceparent` alone decides: only where the gateway overwrites the client’s',
      ),
  })
  .check(({ value, issues }) => {
    // What is no URL is told of already, and comes here all the same.
    if (!URL.canParse(value.endpoint)) return;
    const { protocol, hostname } = new URL(value.endpoint);
    if (value.headers_file === undefined || protocol === 'https:') return;
    if (isLoopback(hostname.replace(/^\[|\]$/g, ''))) return;
    const message = 'would be sent in the clear; write an https endpoint';
    issues.push({ code: 'custom', input: undefined, path: ['headers_file'], message });
  });

/** Spans hold no secrets, and collectors beside a service often have no TLS: http is taken too. */
function isEndpoint(written: string): boolean {
  if (/[\s?#@\\]/.test(written) || !/^https?:\/\/[^/]/.test(written)) return false;
  return URL.canParse(written) && new URL(written).pathname !== '/';
}
