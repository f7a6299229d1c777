import { z } from 'zod';
import type { Path } from './problems.ts';
import { configurationSchema } from './schema/configuration.ts';

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly writeOnly?: boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
}

/** One key of the configuration, as the schema describes it. */
export interface Row {
  /** `*` is any item of a list, `<name>` any key of a map. */
  readonly steps: readonly string[];
  /** What may be written there; of a setting that may be null, the rest. */
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** @returns the JSON Schema (draft 7, which editors know best) of what may be written in the file */
export function createJsonSchema(): JsonSchema {
  return z.toJSONSchema(configurationSchema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
  }) as JsonSchema;
}

let rows: readonly Row[] | undefined;

/** @returns every key, in the order of the schema */
export function listRows(): readonly Row[] {
  rows ??= withoutRepeats(collectRows(createJsonSchema(), []));
  return rows;
}

/** Branches of a union may share a key: it is one row. */
function withoutRepeats(all: readonly Row[]): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of all) {
    const key = row.steps.join('.');
    if (!byKey.has(key)) byKey.set(key, row);
  }
  return [...byKey.values()];
}

/** @returns the keys that may stand in the map at a path, for a hint */
export function listKeysAt(path: Path): string[] {
  return listRows()
    .filter(({ steps }) => steps.length === path.length + 1 && matches(steps, path))
    .map(({ steps }) => steps.at(-1) as string)
    .filter((name) => name !== '*' && name !== '<name>');
}

/** Calls `visit` for each value in the tree that a row describes; `holder[key]` is the value. */
export function visitValues(
  tree: unknown,
  steps: readonly string[],
  visit: (holder: Record<string, unknown>, key: string, path: Path) => void,
  path: Path = [],
): void {
  const [step, ...rest] = steps;
  if (step === undefined || typeof tree !== 'object' || tree === null) return;
  const holder = tree as Record<string, unknown>;
  const isList = Array.isArray(tree);
  if (isList !== (step === '*')) return;
  const keys = step === '*' || step === '<name>' ? Object.keys(holder) : [step];
  for (const key of keys) {
    if (holder[key] === undefined) continue;
    const inner = [...path, isList ? Number(key) : key];
    if (rest.length === 0) visit(holder, key, inner);
    else visitValues(holder[key], rest, visit, inner);
  }
}

function matches(steps: readonly string[], path: Path): boolean {
  return steps.every((step, index) => {
    const actual = path[index];
    if (actual === undefined) return index === path.length;
    return step === '*' ? typeof actual === 'number' : step === '<name>' || step === actual;
  });
}

function collectRows(schema: JsonSchema, steps: readonly string[]): Row[] {
  const { properties = {}, items, additionalProperties, anyOf = [], required = [] } = schema;
  const members = Object.entries(properties).flatMap(([name, member]) =>
    describeMember(member, [...steps, name], required.includes(name)),
  );
  const named =
    typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0
      ? describeMember(additionalProperties, [...steps, '<name>'], false)
      : [];
  const listed = items ? collectRows(items, [...steps, '*']) : [];
  return [...members, ...named, ...listed, ...collectBranches(anyOf, steps)];
}

/** A key that only one kind of map demands is not required. */
function collectBranches(anyOf: readonly JsonSchema[], steps: readonly string[]): Row[] {
  const maps = anyOf.filter(({ properties }) => properties);
  return anyOf
    .flatMap((branch) => collectRows(branch, steps))
    .map((row) => ({
      ...row,
      required:
        row.required &&
        (row.steps.length > steps.length + 1 ||
          maps.every(({ required }) => required?.includes(row.steps.at(-1) ?? ''))),
    }));
}

function describeMember(schema: JsonSchema, steps: readonly string[], required: boolean): Row[] {
  const inner = withoutNull(schema);
  return [{ steps, schema: inner, required }, ...collectRows(inner, steps)];
}

function withoutNull(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema;
  const others = anyOf?.filter(({ type }) => type !== 'null');
  if (others?.length !== 1 || anyOf?.length !== 2) return schema;
  return { ...others[0], ...rest };
}
