import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { crossCheck } from './checks.ts';
import type { Environment } from './environment.ts';
import { describeReadFailure, readSecretFiles, resolveFileNames } from './files.ts';
import { readIssues } from './issues.ts';
import { listNamedFiles } from './named-files.ts';
import { ConfigurationError, type Finding, problemAt, type Source, writeKey } from './problems.ts';
import { type Configuration, configurationSchema } from './schema/configuration.ts';
import { describeIssue } from './wording.ts';
import { readYaml, type YamlTree } from './yaml.ts';

export interface LoadedConfiguration extends Source {
  readonly configuration: Configuration;
}

/**
 * @param file its name, for messages
 * @throws ConfigurationError with everything that is wrong, also with files that hold secrets
 */
export function readConfigurationFile(file: string, env: Environment): LoadedConfiguration {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const message = describeReadFailure(error);
    throw new ConfigurationError([{ file, line: undefined, column: undefined, key: '', message }]);
  }
  return loadConfiguration({ text, file, env });
}

/**
 * Reads a configuration from YAML text. File names in it start at the directory of `file`.
 *
 * @throws ConfigurationError with everything that is wrong
 */
export function loadConfiguration({
  text,
  file,
  env,
}: {
  readonly text: string;
  readonly file: string;
  readonly env: Environment;
}): LoadedConfiguration {
  const tree = readYaml(text, env);
  if ('syntax' in tree) {
    // What follows the first one is mostly its consequence.
    const problems = tree.syntax.slice(0, 1).map(({ position, message }) => ({
      ...{ file, ...position, key: '', message },
    }));
    throw new ConfigurationError(problems);
  }
  const refuse = (findings: readonly Finding[], files: readonly string[] = []): never => {
    throw new ConfigurationError(
      findings
        .map(({ path, message }) => problemAt({ file, where: tree.where }, path, message))
        .sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
      files,
    );
  };
  const checked = checkTree(tree);
  if ('findings' in checked) return refuse(checked.findings);

  const { configuration } = checked;
  resolveFileNames(configuration, dirname(resolve(file)));
  const findings = [...readSecretFiles(configuration), ...crossCheck(configuration)];
  if (findings.length > 0) return refuse(findings, listNamedFiles(configuration));
  return { configuration, file, where: tree.where };
}

function checkTree(
  tree: YamlTree,
): { readonly configuration: Configuration } | { readonly findings: readonly Finding[] } {
  let parsed = parse(tree.value);
  if ('findings' in parsed && retypeSubstituted(tree, parsed.findings)) parsed = parse(tree.value);
  if (tree.findings.length === 0) return parsed;
  // What could not even be read is not reported a second time for what it then looked like.
  const reported = new Set(tree.findings.map(({ path }) => writeKey(path)));
  const others = 'findings' in parsed ? parsed.findings : [];
  return {
    findings: [...tree.findings, ...others.filter(({ path }) => !reported.has(writeKey(path)))],
  };
}

function parse(
  value: unknown,
): { readonly configuration: Configuration } | { readonly findings: readonly Finding[] } {
  if (value === null) return { findings: [{ path: [], message: 'the file is empty' }] };
  const result = configurationSchema.safeParse(value, { error: describeIssue, reportInput: true });
  return result.success
    ? { configuration: result.data }
    : { findings: readIssues(result.error.issues) };
}

/**
 * The environment knows only text. Where the schema refuses such a text and it reads as a number
 * or a boolean, it becomes one.
 *
 * @returns whether anything was changed, in place
 */
function retypeSubstituted(tree: YamlTree, findings: readonly Finding[]): boolean {
  const refused = new Set(findings.map(({ path }) => writeKey(path)));
  const retyped = tree.substituted.filter((path) => {
    if (!refused.has(writeKey(path))) return false;
    const holder = path.slice(0, -1).reduce<unknown>(memberOf, tree.value) as object;
    const value = readScalar(memberOf(holder, path.at(-1) ?? ''));
    return value !== undefined && Reflect.set(holder, path.at(-1) ?? '', value);
  });
  return retyped.length > 0;
}

function memberOf(holder: unknown, key: string | number): unknown {
  return (holder as Record<string | number, unknown>)[key];
}

function readScalar(text: unknown): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return typeof text === 'string' && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}
