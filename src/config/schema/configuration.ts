import { z } from 'zod';
import { auditSchema } from './audit.ts';
import { callersSchema } from './callers.ts';
import { clientsSchema } from './clients.ts';
import { credentialsSchema } from './credentials.ts';
import { gatewaysSchema } from './gateways.ts';
import { areKeysElsewhere, defaultKeyDirectory, keysSchema } from './keys.ts';
import { listenSchema } from './listen.ts';
import { url } from './names.ts';
import { defaultRouteSchema, routesSchema } from './routes.ts';
import { stateSchema } from './state.ts';
import { tokenSchema } from './token.ts';
import { tracesSchema } from './traces.ts';
import { milliseconds } from './values.ts';

const errorsSchema = z.strictObject({
  format: z
    .enum(['problem', 'x-custom-jwt'])
    .default('problem')
    .describe('Bodies of refusals: RFC 9457 problems, or those of the Kong plugin x-custom-jwt'),
  verbose: z.boolean().default(false).describe('Whether refusals say more about the reason'),
});

const logSchema = z.strictObject({
  level: z
    .enum(['error', 'warn', 'info', 'debug', 'trace'])
    .default('info')
    .describe('Least level to log'),
  format: z.enum(['json', 'pretty']).default('json').describe('`pretty` is for people'),
  decisions: z
    .enum(['all', 'refused', 'off'])
    .default('refused')
    .describe('Which decisions are logged'),
});

type DefaultRoute = z.output<typeof defaultRouteSchema>;

/** The table: every key with its type, default and description. All else is made of it. */
export const configurationSchema = z
  .strictObject({
    issuer: url.describe('`iss` of the tokens; JWKS, `jku` and metadata URLs are built on it'),
    listen: listenSchema.prefault({}).describe('Where Countersign listens'),
    workers: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        'Processes that answer gateways. With more than 1, another one keeps them, and does all else',
      ),
    callers: callersSchema
      .optional()
      .describe('Who may call the auth listener; everything given must hold, on every address'),
    gateways: gatewaysSchema.describe('The gateways; each answers at `/auth/<name>`'),
    credentials: credentialsSchema,
    token: tokenSchema.prefault({}).describe('What the tokens look like'),
    routes: routesSchema
      .optional()
      .describe('What differs by host, path and method; the most specific match wins'),
    default_route: defaultRouteSchema
      .optional()
      .describe(
        'For what matches no route. `{}` when there are no `routes`; else, when absent, that is 403',
      ),
    keys: keysSchema.prefault({}).describe('What signs the tokens'),
    clients: clientsSchema,
    state: stateSchema.prefault({}).describe('What outlives the process, but for keys'),
    errors: errorsSchema.prefault({}).describe('How refusals read'),
    log: logSchema.prefault({}).describe('What is logged, to standard output'),
    traces: tracesSchema
      .optional()
      .describe('Traces of decisions by OpenTelemetry; off when absent'),
    audit: auditSchema
      .optional()
      .describe('A record of every decision, one JSON object a line; off when absent'),
    drain: milliseconds
      .prefault('5s')
      .describe('How long requests in flight may take when the process is told to stop'),
  })
  .transform(({ routes, default_route, keys: given, ...rest }) => {
    const all: DefaultRoute | undefined = routes === undefined ? {} : undefined;
    const elsewhere = areKeysElsewhere(given) || rest.state.redis !== undefined;
    const directory = given.directory ?? (elsewhere ? undefined : defaultKeyDirectory);
    return {
      ...rest,
      keys: { ...given, directory },
      routes: routes ?? [],
      default_route: default_route ?? all,
    };
  });

/** A configuration that was read: keys as in the file, values typed, every default filled in. */
export type Configuration = z.output<typeof configurationSchema>;
