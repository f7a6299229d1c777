/** What the public listener tells the operator. */
export type PublicEvent =
  | { readonly event: 'unexpected_error'; readonly error: unknown }
  | {
      readonly event: 'client_refused';
      /** Undefined when the name is not a configured client's. */
      readonly client: string | undefined;
      readonly error: string;
      readonly description: string;
      /** What the client was not told. */
      readonly detail?: string;
    };

export type PublicLog = (event: PublicEvent) => void;
