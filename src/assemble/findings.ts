import { ConfigurationError, type Path, problemAt, type Source } from '../config/problems.ts';

/** Gathers what is wrong with a configuration beyond its shape, so that all of it is told at once. */
export interface Findings {
  add(path: Path, message: string): void;
  /** @returns what `make` returns, or undefined when it throws: then that is a finding */
  attempt<T>(path: Path, make: () => T): T | undefined;
  /** @throws ConfigurationError with all findings, if there are any */
  throwAny(): void;
}

export function createFindings(source: Source): Findings {
  const problems: ReturnType<typeof problemAt>[] = [];
  const add = (path: Path, message: string) => {
    problems.push(problemAt(source, path, message));
  };
  return {
    add,
    attempt(path, make) {
      try {
        return make();
      } catch (error) {
        add(path, (error as Error).message);
        return undefined;
      }
    },
    throwAny() {
      problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
      if (problems.length > 0) throw new ConfigurationError(problems);
    },
  };
}
