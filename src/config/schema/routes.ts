import { z } from 'zod';
import { headerName, hostPattern, pathPattern } from './names.ts';
import { distinct } from './rules.ts';
import {
  audience,
  claim,
  claimName,
  claimsDescription,
  copy,
  drop,
  expiresIn,
  headersDescription,
  headerValue,
  jku,
  remaining,
  reuseError,
} from './token.ts';
import { cel, percentage, text } from './values.ts';

/** What may differ from route to route; null takes a setting back to its default. */
const routeTokenSchema = z.strictObject({
  expires_in: expiresIn.nullable().optional(),
  audience: audience.nullable().optional(),
  copy: copy.nullable().optional(),
  drop: drop.nullable().optional(),
  claims: z
    .record(claimName, claim.nullable())
    .nullable()
    .optional()
    .describe(`${claimsDescription}; null removes one`),
  headers: z
    .record(headerName, headerValue)
    .optional()
    .describe(`${headersDescription}: other expressions for those that \`token.headers\` names`),
  reuse: z
    .union([z.literal('off'), percentage, z.strictObject({ remaining })], reuseError)
    .transform((written) => (typeof written === 'number' ? { remaining: written } : written))
    .nullable()
    .optional()
    .describe('Hand a token out again while this much of its life is left; `off` makes each new'),
  jku: jku.nullable().optional(),
});

export type RouteToken = z.output<typeof routeTokenSchema>;

const methodError = { error: 'is not a method; write it in capitals, such as GET' };

const matchSchema = z
  .strictObject({
    hosts: z
      .array(hostPattern)
      .min(1)
      .optional()
      .describe('Exact hosts, or `*.example.com` for all below a domain'),
    paths: z
      .array(pathPattern)
      .min(1)
      .optional()
      .describe('`/orders`, `/orders/*` for one segment, `/orders/**` for all below'),
    methods: z
      .array(z.string(methodError).regex(/^[A-Z][A-Z0-9_-]*$/, methodError))
      .min(1)
      .optional()
      .describe('HTTP methods'),
  })
  .refine((match) => Object.values(match).some((rule) => rule !== undefined), {
    error: 'needs hosts, paths or methods; what matches anything is default_route',
  });

const routeFields = {
  require: cel.optional().describe('Must be true, else 403'),
  anonymous: z
    .strictObject({ client_id: text.describe('`client_id` of the token') })
    .optional()
    .describe('No credential is needed here: requests get a token that says so'),
  token: routeTokenSchema
    .optional()
    .describe('Laid over the general `token`: values and lists replace, maps merge by name'),
};

export const routesSchema = z
  .array(
    z.strictObject({
      name: text.optional().describe('For the log and for `route` in CEL'),
      match: matchSchema.describe('All that is given must match; the most specific route wins'),
      ...routeFields,
    }),
  )
  .check(distinct(({ name }) => name, ['name']));

export const defaultRouteSchema = z.strictObject(routeFields);
