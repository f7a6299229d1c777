import { type ASTNode, Environment, Optional, type TypeCheckResult } from '@marcbachmann/cel-js';
import type { Json, JsonObject } from './types.ts';

/**
 * CEL, compiled and type-checked when the configuration is read. `matches` is absent: the engine
 * under it backtracks, and 28 hostile characters can hold it for seconds.
 */

/** What an expression sees. */
export interface ExpressionContext {
  readonly client_id: string;
  readonly subject: string;
  readonly claims: JsonObject;
  readonly credential: JsonObject;
  readonly consumer: JsonObject;
  readonly request: JsonObject;
  readonly route: JsonObject;
}

/** Which parts of the request an expression reads: they become part of the reuse key. */
export interface RequestInputs {
  /** Members of `request` other than headers: method, scheme, host, path, query. */
  readonly members: ReadonlySet<string>;
  /** Header names, lower case. */
  readonly headers: ReadonlySet<string>;
  /** A header name is computed at run time, so no key can name what was read. */
  readonly anyHeader: boolean;
}

export interface Expression {
  readonly inputs: RequestInputs;
  /** @returns a JSON value, `missing` when a member it reads is not there, `failed` for all else */
  evaluate(context: ExpressionContext): ExpressionResult;
}
export type ExpressionResult =
  | { readonly value: Json }
  | { readonly missing: true }
  | { readonly failed: string };

/** The expression cannot be used; the message says where and why, for the one who wrote it. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

const requestMembers = ['method', 'scheme', 'host', 'path', 'query'] as const;

const environment = new Environment({
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxAstNodes: 1000, maxDepth: 50 },
})
  .registerVariable('client_id', 'string')
  .registerVariable('subject', 'string')
  .registerVariable('claims', 'map')
  .registerVariable('credential', 'map')
  .registerVariable('consumer', 'map')
  .registerVariable('route', 'map')
  .registerVariable('request', 'map');

/**
 * @param source a CEL expression
 * @param expected the type it must have, where the checker can tell
 * @throws ExpressionError when it does not parse, does not type-check or reads what is not there
 */
export function compileExpression(
  source: string,
  expected: 'bool' | 'string' | 'any' = 'any',
): Expression {
  const checked = environment.check(source);
  if (!checked.valid) throw new ExpressionError(summary(checked));
  if (expected !== 'any' && checked.type !== 'dyn' && checked.type !== expected) {
    throw new ExpressionError(`it gives ${checked.type}, where ${expected} is needed`);
  }
  const program = environment.parse(source);
  const inputs = collectInputs(program.ast);
  return { inputs, evaluate: (context) => evaluate(program, context) };
}

/** @returns the inputs of several expressions together */
export function joinInputs(all: readonly RequestInputs[]): RequestInputs {
  return {
    members: new Set(all.flatMap((inputs) => [...inputs.members])),
    headers: new Set(all.flatMap((inputs) => [...inputs.headers])),
    anyHeader: all.some((inputs) => inputs.anyHeader),
  };
}

function evaluate(
  program: (context: ExpressionContext) => unknown,
  context: ExpressionContext,
): ExpressionResult {
  try {
    const result = program(context);
    if (result instanceof Optional && !result.hasValue()) return { missing: true };
    const value = toJson(result instanceof Optional ? result.value() : result);
    return value === undefined ? { failed: 'the result is not a JSON value' } : { value };
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'no_such_key' || code === 'index_out_of_bounds') return { missing: true };
    return { failed: typeof code === 'string' ? code : 'evaluation failed' };
  }
}

/** CEL integers are `bigint`; small ones become ordinary JSON numbers, long ones stay exact. */
function toJson(value: unknown): Json | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    case 'object':
      return value === null ? null : structureToJson(value);
    default:
      return undefined;
  }
}

function structureToJson(value: object): Json | undefined {
  if (Array.isArray(value)) {
    const elements = value.map(toJson);
    return elements.includes(undefined) ? undefined : (elements as Json[]);
  }
  const prototype = Object.getPrototypeOf(value);
  const entries =
    value instanceof Map
      ? [...value]
      : prototype === Object.prototype || prototype === null
        ? Object.entries(value)
        : undefined;
  const members: { [name: string]: Json } = Object.create(null);
  for (const [name, member] of entries ?? [[undefined, undefined]]) {
    const json = toJson(member);
    if (typeof name !== 'string' || json === undefined) return undefined;
    members[name] = json;
  }
  return members;
}

function collectInputs(ast: ASTNode): RequestInputs {
  const found = { members: new Set<string>(), headers: new Set<string>(), anyHeader: false };
  visit(ast, found);
  return found;
}

interface FoundInputs {
  readonly members: Set<string>;
  readonly headers: Set<string>;
  anyHeader: boolean;
}

/** Looks for `request.…`, innermost access first; whatever it does not understand counts as all. */
function visit(node: ASTNode, found: FoundInputs): void {
  if (node.op === 'rcall' && node.args[0] === 'matches') {
    throw new ExpressionError('`matches` is not available; use startsWith, endsWith or contains');
  }
  const header = headerRead(node);
  if (header !== undefined) {
    addHeader(header, found);
    return;
  }
  const member = memberOf(node);
  if (member !== undefined) {
    if (member === 'headers') found.anyHeader = true;
    else addMember(member, found);
    return;
  }
  if (node.op === 'id' && node.args === 'request') {
    found.anyHeader = true;
    for (const name of requestMembers) found.members.add(name);
    return;
  }
  visitOperands(node.args, found);
}

function visitOperands(operand: unknown, found: FoundInputs): void {
  if (Array.isArray(operand)) for (const each of operand) visitOperands(each, found);
  else if (isNode(operand)) visit(operand, found);
}

function isNode(operand: unknown): operand is ASTNode {
  return typeof operand === 'object' && operand !== null && 'op' in operand && 'args' in operand;
}

/** @returns `x` of `request.x`, `request["x"]` and their optional forms */
function memberOf(node: ASTNode): string | undefined {
  const read = literalAccess(node);
  return read?.of.op === 'id' && read.of.args === 'request' ? read.name : undefined;
}

/** @returns `x` of `request.headers["x"]`, `request.headers.x` and `"x" in request.headers` */
function headerRead(node: ASTNode): string | undefined {
  if (node.op === 'in') {
    const [name, container] = node.args;
    return memberOf(container) === 'headers' ? literalOf(name) : undefined;
  }
  const read = literalAccess(node);
  return read && memberOf(read.of) === 'headers' ? read.name : undefined;
}

function literalAccess(node: ASTNode): { of: ASTNode; name: string } | undefined {
  if (node.op === '.' || node.op === '.?') return { of: node.args[0], name: node.args[1] };
  if (node.op !== '[]' && node.op !== '[?]') return undefined;
  const name = literalOf(node.args[1]);
  return name === undefined ? undefined : { of: node.args[0], name };
}

function literalOf(node: ASTNode): string | undefined {
  return node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;
}

function addHeader(name: string, found: FoundInputs): void {
  const lower = name.toLowerCase();
  if (name !== lower) {
    throw new ExpressionError(`header names are lower case here: write "${lower}"`);
  }
  found.headers.add(name);
}

function addMember(name: string, found: FoundInputs): void {
  if (!(requestMembers as readonly string[]).includes(name)) {
    throw new ExpressionError(
      `request has no member ${name}; it has ${requestMembers.join(', ')} and headers`,
    );
  }
  found.members.add(name);
}

function summary(checked: TypeCheckResult): string {
  return checked.error?.summary ?? 'it does not type-check';
}
