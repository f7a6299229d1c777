import { refuse } from '../../exchange/refusals.ts';
import type { Decision } from '../../exchange/types.ts';
import type { LineFile } from './line-file.ts';
import { writeRecord } from './record.ts';

export interface AuditSettings {
  readonly output: LineFile;
  /** Nobody gets a token without a record of it. */
  readonly required: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

export interface AuditStatus {
  readonly written: number;
  readonly failed: number;
  /** Why the last record could not be written. */
  readonly problem: string | undefined;
}

/** A record of every decision, written before it is answered. */
export interface Audit {
  /**
   * Never throws.
   *
   * @param peer address of the gateway; undefined when it has none
   * @returns the decision; when its record is required and cannot be written, a refusal in its place
   */
  record(gateway: string, decision: Decision, seconds: number, peer: string | undefined): Decision;
  /** For rotation: the next record goes to whatever has the file's name then. */
  reopen(): void;
  status(): AuditStatus;
  close(): void;
}

export function createAudit({ output, required, now, log }: AuditSettings): Audit {
  const status = { written: 0, failed: 0, problem: undefined as string | undefined };

  function noteFailure(error: unknown): void {
    status.failed++;
    const problem = reasonOf(error);
    if (status.problem === undefined) log.warn({ problem, required }, 'decisions are not recorded');
    status.problem = problem;
  }

  function noteSuccess(): void {
    status.written++;
    if (status.problem === undefined) return;
    log.info({ missing: status.failed }, 'decisions are recorded again');
    status.problem = undefined;
  }

  return {
    record(gateway, decision, seconds, peer) {
      try {
        output.write(writeRecord({ at: now(), gateway, decision, seconds, peer }));
        noteSuccess();
        return decision;
      } catch (error) {
        noteFailure(error);
        return required && decision.allowed
          ? refuse('audit_unavailable', reasonOf(error))
          : decision;
      }
    },
    reopen: output.reopen,
    status: () => status,
    close: output.close,
  };
}

/** What the system says, such as `ENOSPC`; never a text that could quote a record. */
function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unexpected';
}
