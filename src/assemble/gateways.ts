import type { Configuration } from '../config/schema/configuration.ts';
import type { Route } from '../exchange/route.ts';
import type { CredentialKind } from '../exchange/types.ts';
import { callerSecretHeader } from '../gateways/callers.ts';
import { createGateway, type Gateway } from '../gateways/gateway.ts';
import { profiles } from '../gateways/profiles.ts';
import type { Credentials } from './credentials.ts';

export interface Gateways {
  /** Those that ask over HTTP. */
  readonly http: readonly Gateway[];
  /** The one that asks over gRPC, if there is one. */
  readonly grpc: Gateway | undefined;
}

/** @param routes whose expressions read headers: those decide, so they must come once */
export function createGateways(
  configuration: Configuration,
  credentials: Credentials,
  routes: readonly Route[],
): Gateways {
  const { token, callers, errors } = configuration;
  const headers = [
    ...credentials.headers,
    ...(callers?.secret_file === undefined ? [] : [callerSecretHeader]),
    ...routes.flatMap((route) => [...route.inputs.headers]),
  ];
  const answerHeaders = [
    token.header,
    ...(token.downstream_header === undefined ? [] : [token.downstream_header]),
    ...Object.keys(token.headers),
  ];
  const kinds: CredentialKind[] = credentials.methods.map(({ kind }) => kind);

  const all = Object.entries(configuration.gateways).map(([name, settings]) => {
    const { client_certificate: certificate } = settings;
    return createGateway({
      name,
      profile: profiles[settings.profile],
      certificate: certificate === true ? {} : certificate || undefined,
      consumerRequired: settings.consumer === 'required',
      headers,
      answerHeaders,
      refusals: { ...errors, kinds },
    });
  });
  const isGrpc = ({ name }: Gateway) => configuration.gateways[name]?.profile === 'envoy_grpc';
  return { http: all.filter((gateway) => !isGrpc(gateway)), grpc: all.find(isGrpc) };
}
