import type { Workload } from './workload.ts';
import { apiKey } from './workloads/api-keys.ts';
import { expressions } from './workloads/expressions.ts';
import { freshTokens } from './workloads/fresh-tokens.ts';
import { grpc } from './workloads/grpc.ts';
import { introspection } from './workloads/introspection.ts';
import { manyCredentials } from './workloads/many-credentials.ts';
import { otherCredentials } from './workloads/other-credentials.ts';
import { refusals } from './workloads/refusals.ts';
import { routes } from './workloads/routes.ts';
import { sameCredential } from './workloads/same-credential.ts';

/** All of them, in the order in which they run and are printed. */
export const workloads: readonly Workload[] = [
  ...sameCredential,
  ...manyCredentials,
  ...freshTokens,
  ...otherCredentials,
  ...apiKey,
  ...refusals,
  ...routes,
  ...expressions,
  ...grpc,
  ...introspection,
];
