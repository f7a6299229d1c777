import { createFindings } from './assemble/findings.ts';
import type { LoadedConfiguration } from './config/load.ts';
import { type Audit, type AuditSettings, createAudit } from './ops/audit/audit.ts';
import { createLineFile, createLineOutput, type LineFile } from './ops/audit/line-file.ts';

const standardOutput = 1;

/** Where records of decisions go. */
export interface Records {
  /**
   * What the log has to write to when both go to standard output: else a batch of the log and a
   * record could come to stand in one another.
   */
  readonly besideLog: LineFile | undefined;
  open(log: AuditSettings['log']): Audit;
}

/**
 * @returns undefined where decisions are not recorded
 * @throws ConfigurationError when the file cannot be opened
 */
export function openRecords(loaded: LoadedConfiguration): Records | undefined {
  const { audit } = loaded.configuration;
  if (audit === undefined) return undefined;
  const { file, required } = audit;
  const output = file === undefined ? createLineOutput(standardOutput) : openFile(loaded, file);
  return {
    besideLog: file === undefined ? output : undefined,
    open: (log) => createAudit({ output, required, now: Date.now, log }),
  };
}

/** A name that is wrong would else be noticed when somebody looks for a record. */
function openFile(loaded: LoadedConfiguration, file: string): LineFile {
  try {
    return createLineFile(file, () => performance.now());
  } catch (error) {
    const findings = createFindings(loaded);
    const { code } = error as NodeJS.ErrnoException;
    findings.add(['audit', 'file'], `${JSON.stringify(file)} cannot be opened (${code})`);
    findings.throwAny();
    throw error;
  }
}
