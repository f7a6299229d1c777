/** One HTTP exchange with a party that the configuration names. */
export interface OutgoingCall {
  readonly purpose: 'discovery' | 'jwks' | 'introspection' | 'vault';
  readonly method: string;
  readonly url: string;
}

export interface Sending {
  /** Further headers to send. */
  readonly headers: Readonly<Record<string, string>>;
  /** Told the status of the answer, once its head is there. */
  answered(status: number): void;
}

/** Lays itself around such an exchange: what `send` returns or throws comes out unchanged. */
export type Outgoing = <T>(
  call: OutgoingCall,
  send: (sending: Sending) => Promise<T>,
) => Promise<T>;

const plain: Sending = { headers: {}, answered() {} };

/** Sends, and nothing else. */
export const plainOutgoing: Outgoing = (_call, send) => send(plain);
