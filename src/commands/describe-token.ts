import type { CompactJws } from '../exchange/compact-jws.ts';
import { writeJson } from '../exchange/strict-json.ts';
import type { Json, JsonObject } from '../exchange/types.ts';

/** Claims that are NumericDates (RFC 7519 §2). */
const times = new Set(['exp', 'nbf', 'iat', 'auth_time', 'updated_at']);

/**
 * Writes a token's header and claims for a person to read.
 *
 * @param now milliseconds since the epoch
 */
export function describeToken({ header, payload }: CompactJws, now: number): string {
  return `Header\n${describeMembers(header.all, now)}\nClaims\n${describeMembers(payload, now)}`;
}

/** One line for each member; times are told as dates too. */
export function describeMembers(members: JsonObject, now: number): string {
  const lines = Object.entries(members).map(([name, value]) => {
    const time = times.has(name) ? describeTime(value, now) : '';
    return `  ${printable(name)}: ${printable(writeJson(value))}${time}\n`;
  });
  return lines.join('');
}

function describeTime(value: Json, now: number): string {
  const date = new Date(typeof value === 'number' ? value * 1000 : Number.NaN);
  if (Number.isNaN(date.getTime())) return '';
  const distance = date.getTime() - now;
  const words = distance < 0 ? `${describeSpan(-distance)} ago` : `in ${describeSpan(distance)}`;
  return `  (${date.toISOString()}, ${words})`;
}

const units = [
  { name: 'days', milliseconds: 86_400_000 },
  { name: 'hours', milliseconds: 3_600_000 },
  { name: 'minutes', milliseconds: 60_000 },
];

/** In the largest unit of which there are at least two. */
function describeSpan(milliseconds: number): string {
  const unit = units.find((one) => milliseconds >= 2 * one.milliseconds);
  return unit === undefined
    ? `${Math.round(milliseconds / 1000)} seconds`
    : `${Math.floor(milliseconds / unit.milliseconds)} ${unit.name}`;
}

/** Escapes what could move a terminal's cursor or turn the direction of text around. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
