import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { type Environment, substitute } from './environment.ts';
import type { Finding, Path, Position } from './problems.ts';

export interface YamlTree {
  /** Plain JSON values; integers beyond 2^53 as `bigint`. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** Paths of texts that came, in part at least, from the environment. */
  readonly substituted: readonly Path[];
  where(path: Path): Position | undefined;
}

export interface SyntaxProblem {
  readonly position: Position;
  readonly message: string;
}

const maxDepth = 40;
const maxNodes = 20_000;

/** Reads YAML 1.2 as far as JSON goes: no tags of one's own, no merge keys, no other keys than text. */
export function readYaml(
  text: string,
  environment: Environment,
): YamlTree | { readonly syntax: readonly SyntaxProblem[] } {
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  if (isTooDeep(text)) {
    return { syntax: [{ position: { line: 1, column: 1 }, message: 'is nested too deeply' }] };
  }
  const document = parseDocument(text, {
    ...{ version: '1.2', schema: 'core', merge: false, resolveKnownTags: false },
    ...{ intAsBigInt: true, uniqueKeys: true, prettyErrors: false, lineCounter: lines },
  });
  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    return {
      syntax: errors.map(({ code, pos }) => ({
        position: positionOf(pos[0]),
        message: describeSyntax(code),
      })),
    };
  }
  return readTree(document, environment, positionOf);
}

/** The composer is recursive, and at some depth takes the whole process down. */
function isTooDeep(text: string): boolean {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > 2 * maxDepth) return true;
  }
  return false;
}

/** Not the library's own message: it quotes the text, which may hold a secret. */
function describeSyntax(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'the same key comes twice in one map';
  if (code === 'TAG_RESOLVE_FAILED') return 'tags are not read; write the plain value';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins; keep one in a file';
  return `this is not YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

interface Reading {
  readonly document: Document;
  readonly environment: Environment;
  readonly offsets: Map<string, number>;
  readonly findings: Finding[];
  readonly substituted: Path[];
  nodes: number;
}

function readTree(
  document: Document,
  environment: Environment,
  positionOf: (offset: number) => Position,
): YamlTree {
  const offsets = new Map<string, number>();
  const findings: Finding[] = [];
  const substituted: Path[] = [];
  const reading = { document, environment, offsets, findings, substituted, nodes: 0 };
  const value = readItem(document.contents, [], reading);
  return {
    value,
    findings,
    substituted,
    where(path) {
      for (let length = path.length; length >= 0; length--) {
        const offset = offsets.get(JSON.stringify(path.slice(0, length)));
        if (offset !== undefined) return positionOf(offset);
      }
      return undefined;
    },
  };
}

function readNode(node: unknown, path: Path, reading: Reading): unknown {
  reading.nodes++;
  // An alias may repeat what holds it, or multiply: both end here.
  if (path.length > maxDepth || reading.nodes > maxNodes) {
    if (reading.nodes <= maxNodes + 1) {
      const message = path.length > maxDepth ? 'is nested too deeply' : 'makes the file too large';
      reading.nodes = maxNodes + 1;
      reading.findings.push({ path, message });
    }
    return null;
  }
  if (isAlias(node)) return readNode(node.resolve(reading.document), path, reading);
  if (isMap(node)) return readMap(node, path, reading);
  if (isSeq(node))
    return node.items.map((item, index) => readItem(item, [...path, index], reading));
  return isScalar(node) ? readScalar(node.value, path, reading) : null;
}

function readItem(item: unknown, path: Path, reading: Reading): unknown {
  notePosition(item, path, reading);
  return readNode(item, path, reading);
}

function readMap(map: YAMLMap, path: Path, reading: Reading): object {
  const object: Record<string, unknown> = {};
  for (const { key, value } of map.items) {
    const name = isScalar(key) && key.value !== null ? String(key.value) : undefined;
    if (name === undefined || name === '__proto__') {
      reading.findings.push({ path, message: 'has a key that is not plain text' });
      continue;
    }
    const inner = [...path, name];
    notePosition(key, inner, reading);
    object[name] = readNode(value, inner, reading);
  }
  return object;
}

function readScalar(value: unknown, path: Path, reading: Reading): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    reading.findings.push({ path, message: 'is not a number that JSON knows' });
  }
  if (typeof value !== 'string') return value;
  const { text, failures } = substitute(value, reading.environment);
  reading.findings.push(...failures.map((message) => ({ path, message })));
  if (text !== value) reading.substituted.push(path);
  return text;
}

function notePosition(node: unknown, path: Path, { offsets }: Reading): void {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  if (range?.[0] !== undefined) offsets.set(JSON.stringify(path), range[0]);
}
