import type { Consumer, RequestHeaders } from '../exchange/types.ts';
import type { CertificateFormat } from './client-certificate-header.ts';
import type { OriginalTarget } from './original-target.ts';

/** How one kind of gateway hands a request over, and what it makes of the answer. */
export interface GatewayProfile {
  /** Lower-case names of the headers it reads, certificates aside. */
  readonly headers: readonly string[];
  /**
   * @param call the call itself: its method, and its URL after the profile's prefix
   * @returns undefined when the gateway's headers are missing or malformed
   */
  readTarget(headers: RequestHeaders, call: GatewayCall): OriginalTarget | undefined;
  readonly certificate: {
    readonly header: string;
    readonly format: CertificateFormat;
    /** Must say `SUCCESS` beside a certificate. */
    readonly verifyHeader?: string;
  };
  /** For gateways that authenticate consumers of their own. */
  readConsumer?(headers: RequestHeaders): Consumer | undefined;
  /** For gateways that state the backend's URL; empty when this request has none. */
  readUpstreamUrl?(headers: RequestHeaders): string;
  /** The statuses it passes on: some turn others into an error, or into an open door. */
  readonly carries: 'all' | 'only 401 and 403' | 'no 5xx';
  /** The body of a refusal is lost on its way; this header carries it too. */
  readonly bodyHeader?: string;
}

export interface GatewayCall {
  readonly method: string;
  /** What follows the prefix in the raw URL: empty, or beginning with `/` or `?`. */
  readonly rest: string;
}
