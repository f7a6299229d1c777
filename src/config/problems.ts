/** Where something stands in a configuration: map keys and list indices, from the top. */
export type Path = readonly (string | number)[];

/** Both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The text that a configuration was read from. */
export interface Source {
  /** As it was given, for messages. */
  readonly file: string;
  /** @returns where a key is, or the nearest one above it that is there; undefined in an empty file */
  where(path: Path): Position | undefined;
}

/** What is wrong, before it is known in which file and line. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
}

/** What is wrong, where, and what would be right. Never holds the value of a secret. */
export interface Problem {
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Such as `routes[0].token.audience`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
}

/** A configuration that cannot be used, with everything that is wrong with it. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[];
  /** The files that it names, as far as they are known. */
  readonly files: readonly string[];

  constructor(problems: readonly Problem[], files: readonly string[] = []) {
    super(problems.map(writeProblem).join('\n'));
    this.name = 'ConfigurationError';
    this.problems = problems;
    this.files = files;
  }

  override toString(): string {
    return this.message;
  }
}

/** Places what was found, now or by a later stage, such as an expression that does not compile. */
export function problemAt({ file, where }: Source, path: Path, message: string): Problem {
  const position = where(path);
  return { file, line: position?.line, column: position?.column, key: writeKey(path), message };
}

/** @returns `routes[0].match.hosts`; odd names are quoted, so that no name can forge a line of a log. */
export function writeKey(path: Path): string {
  return path.reduce<string>((key, step) => {
    if (typeof step === 'number') return `${key}[${step}]`;
    const name = /^[\w/<>-]+$/.test(step) ? step : JSON.stringify(step);
    return key === '' ? name : `${key}.${name}`;
  }, '');
}

/** @returns one line, such as `countersign.yaml:3: token.audience: …` */
export function writeProblem({ file, line, key, message }: Problem): string {
  return [line === undefined ? file : `${file}:${line}`, key, message].filter(Boolean).join(': ');
}
