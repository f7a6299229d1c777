import type { StartGateway } from './gateway-lab.ts';

/** Where gateways differ, and are known to. What is optional has the strict answer unless given. */
export interface GatewayTraits {
  /** The folder of its recipe. */
  readonly gateway: string;
  /** Where it is not named like the gateway. */
  readonly profile?: string;
  /** Which part of the recipe is run, where there are several. */
  readonly variant?: string;
  readonly startGateway: StartGateway;
  /** Programs it needs. */
  readonly needs: readonly string[];
  /** What the client gets while Countersign is down. */
  readonly statusWhenDown: number;
  /** What the client gets while Countersign hangs; as when it is down unless given. */
  readonly statusWhenSlow?: number;
  /** How long the client waits for that at most, in milliseconds; 10 s unless given. */
  readonly waitsAtMost?: number;
  /** How it waits is another variant's test: the same program with the same settings. */
  readonly waitsAsAnotherVariant?: true;
  /** What the client gets when a credential cannot be checked: 503 unless given. */
  readonly statusWhenIssuerDown?: 403 | 503;
  /** Whether the client then gets `Retry-After`: it does unless given. */
  readonly passesRetryAfter?: boolean;
  /** How several challenges reach the client: each on a line of its own unless given. */
  readonly challenges?: 'each on its line' | 'joined in one line' | 'the first alone';
  /** Who refuses two Authorization lines: some gateways do so themselves, with 400. */
  readonly statusOfTwoAuthorizations: number;
  /** What a client gets whose Connection header names what Countersign guards. */
  readonly statusOfNomination: (header: string) => number;
  /** The path that the gateway makes of a client's, for Countersign and backend alike. */
  readonly pathOf: (path: string) => string;
  /** What a client gets for a path that the gateway itself answers. */
  readonly statusOfPath?: (path: string) => 200 | 307;
  /** Where the backend gets another one: a limit of this gateway. */
  readonly backendPathOf?: (path: string) => string;
  /** What becomes of `GET http://a/` beside `Host: b`; as RFC 9112 §3.2.2 says, `a`, unless given. */
  readonly absoluteForm?: 'names the host' | 'leaves it to Host' | 'is refused';
  /** What a client gets that sends an underscore in a header's name: most drop the header. */
  readonly statusOfUnderscores: 200 | 400;
  /** What a client gets that spells the token's name with dots, where the gateway lets it through. */
  readonly statusOfDots?: 401;
  /** How many connections to Countersign 20 requests may open: one for each of its threads. */
  readonly connectionsAtMost: number;
  /** Whether Countersign gets to see a client's certificate: it does unless given. */
  readonly clientCertificates?: 'are not passed on';
  /** What becomes of a certificate that another authority issued. */
  readonly strangeCertificate: 'is answered 400' | 'ends the handshake';
  /** Trailers of a request reach the backend: a limit of this gateway. */
  readonly passesTrailers: boolean;
}
