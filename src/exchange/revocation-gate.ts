import type { Claims, Refused, Subject } from './types.ts';

/** What was revoked, as far as a decision needs to know it. */
export interface RevocationGate {
  /** @returns why a bearer credential that was identified may not be exchanged any more */
  refuse(subject: Subject): Refused | undefined;
  /**
   * A rule covers the whole second in which it was made. A token that is issued in what is left of
   * that second would be revoked from the start.
   *
   * @param claims of a token that is about to be signed
   * @returns resolves when a token with these claims can be issued; undefined when it can be now
   */
  untilIssuable(claims: Claims): Promise<void> | undefined;
}
