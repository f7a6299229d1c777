import { z } from 'zod';
import { ownedClaims, uncopiedClaims } from '../../exchange/claims.ts';
import type { Json } from '../../exchange/types.ts';
import { anyHeaderName, canonicalHeader, headerName, hostPattern } from './names.ts';
import { bytes, cel, percentage, seconds, text } from './values.ts';

export const expiresIn = seconds
  .refine((life) => Number.isInteger(life) && life >= 1, {
    error: 'is not a number of whole seconds, at least 1',
  })
  .describe('Life of a token; it never outlives the credential it came from');

export const audience = z
  .union(
    [
      text,
      z.array(text).min(1),
      z.strictObject({ cel: cel.describe('Gives the audience, or a list of them') }),
    ],
    {
      error: 'is not an audience; write upstream, a string, a list of strings or { cel: … }',
    },
  )
  .describe('`aud`: `upstream` (the backend’s URL), a string, a list, or CEL');

export const copy = z
  .union([z.enum(['all', 'none']), z.array(text)], {
    error: 'is not a choice of claims; write all, none or a list of names',
  })
  .describe('Claims taken over from the incoming token: `all`, `none`, or a list');

export const drop = z.array(text).describe('Claims not taken over');

const fixedClaim = z.strictObject({
  value: z
    .custom<Json>((value) => value !== undefined, { error: 'is missing' })
    .describe('A fixed value of the claim'),
});

export const claim = z
  .union([cel, fixedClaim], {
    error: 'is not a claim; write a CEL expression as text, or { value: … }',
  })
  .meta({ title: 'CEL expression, or `{ value: … }`' })
  .describe('The value of this claim; without one, the claim is left out');

const reserved: ReadonlySet<string> = new Set([...ownedClaims, ...uncopiedClaims]);

/** A claim that may be mapped: not one of the service, nor one that is only true in its own token. */
export const claimName = text.refine((name) => !reserved.has(name), {
  error: ({ input }) =>
    ownedClaims.some((owned) => owned === input)
      ? 'cannot be mapped: Countersign sets this claim itself'
      : 'cannot be mapped: this claim is only true in the token it came in',
});

export const claimsDescription = 'Claims to add: a CEL expression, or `{ value: … }`';
export const headersDescription = 'Plain headers to set for backends that read no JWT';
export const headerValue = cel.describe('The value of this header; without one, 403');
export const jku = z.boolean().describe('Whether the JOSE header names the JWKS (`jku`)');

const reuseBounds = {
  max_entries: z.int().min(1).default(50_000).describe('Most tokens to keep'),
  max_bytes: bytes.prefault('64MiB').describe('Most memory for them, about'),
};
export const remaining = percentage.describe('Reuse a token while this much of its life is left');
export const reuseError = { error: 'is no rule for reuse; write off, 50% or { remaining: 50% }' };

/** Written `off`, a percentage or a map; the last two come out as a map. */
const reuse = z
  .union(
    [
      z.literal('off'),
      percentage,
      z.strictObject({ remaining: remaining.prefault('50%'), ...reuseBounds }),
    ],
    reuseError,
  )
  .transform((written) =>
    typeof written === 'number'
      ? { remaining: written, max_entries: 50_000, max_bytes: 64 * 1024 ** 2 }
      : written,
  )
  .describe('Hand a token out again while this much of its life is left; `off` makes each one new');

const tokenFields = z.strictObject({
  profile: z.enum(['custom']).default('custom').describe('What kind of token'),
  header: headerName
    .default('X-Custom-Jwt')
    .describe('The header for the backend; `Authorization` gets the `Bearer ` prefix'),
  downstream_header: headerName
    .optional()
    .describe('The token for the client’s response too, where the gateway can; off when absent'),
  strip: z
    .array(anyHeaderName.transform((name) => name.toLowerCase()))
    .prefault([])
    .describe(
      'Headers with credentials that the backend should not see; envoy_grpc removes them, elsewhere ' +
        'the gateway’s own configuration does',
    ),
  expires_in: expiresIn.prefault('30m'),
  audience: audience.default('upstream'),
  upstream_hosts: z
    .union([z.literal('any'), z.array(hostPattern)], {
      error: 'is not a choice of hosts; write a list of hosts, or any',
    })
    .prefault([])
    .describe('Hosts that may become an audience, or `any`; hosts named in routes count too'),
  copy: copy.default('all'),
  drop: drop.default([]),
  claims: z.record(claimName, claim).default({}).describe(claimsDescription),
  headers: z.record(headerName, headerValue).default({}).describe(headersDescription),
  reuse: reuse.prefault('50%'),
  jku: jku.default(true),
  max_header_bytes: bytes
    .refine((size) => size >= 512 && size <= 65_536, { error: 'is not between 512 and 64KiB' })
    .prefault(3584)
    .describe('Most bytes for the head of the answer; nginx fails past 4 KiB'),
});

export const tokenSchema = tokenFields.check(({ value, issues }) => {
  for (const { path, message } of findHeaderClashes(value)) {
    issues.push({ code: 'custom', input: value, path, message });
  }
});

export type Token = z.output<typeof tokenSchema>;

/** Every header of the answer has one meaning, also where `_` is taken for `-`. */
function findHeaderClashes({
  header,
  downstream_header,
  headers,
  strip,
}: z.output<typeof tokenFields>): { path: (string | number)[]; message: string }[] {
  const names = Object.keys(headers);
  const others = names.map((name) => ({ name, path: ['headers', name] }));
  if (downstream_header) others.push({ name: downstream_header, path: ['downstream_header'] });
  const set = new Set([canonicalHeader(header)]);
  const twice = others.filter(({ name }) => {
    const canonical = canonicalHeader(name);
    return set.has(canonical) || !set.add(canonical);
  });
  const kept = new Set([header, ...names].map(canonicalHeader));
  const stripped = [...strip.entries()].filter(([, name]) => kept.has(canonicalHeader(name)));
  return [
    ...twice.map(({ path }) => ({
      path,
      message: 'is set twice; header, downstream_header and headers must all differ',
    })),
    ...stripped.map(([index]) => ({
      path: ['strip', index],
      message: 'is a header that Countersign sets, so it cannot be stripped',
    })),
  ];
}
