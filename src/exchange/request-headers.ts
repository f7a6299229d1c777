import { describe } from './audience.ts';
import type { ExpressionContext } from './expressions.ts';
import { refuse } from './refusals.ts';
import type { HeaderRule } from './route.ts';
import type { Refused } from './types.ts';

/** What every HTTP stack carries unchanged: visible ASCII, with spaces only inside. */
const fieldValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Makes the plain headers of `token.headers`. Each must have a value: a header that is left out
 * would let the client's own copy pass.
 *
 * @returns header lines, name and value in turn
 */
export function headerLines(
  rules: readonly HeaderRule[],
  context: () => ExpressionContext,
): readonly string[] | Refused {
  const lines: string[] = [];
  for (const { name, expression } of rules) {
    const result = expression.evaluate(context());
    if (!('value' in result)) return refuse('header_failed', `${name} ${describe(result)}`);
    const value = typeof result.value === 'object' ? '' : String(result.value);
    if (!fieldValue.test(value)) return refuse('header_failed', `${name} has no usable value`);
    lines.push(name, value);
  }
  return lines;
}
