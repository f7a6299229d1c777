import type { z } from 'zod';

/** A rule of a map: exactly one of these keys is given. For `.check()`. */
export function exactlyOne(...keys: readonly string[]) {
  return ({ value, issues }: z.core.ParsePayload<object>): void => {
    const given = keys.filter((key) => (value as Record<string, unknown>)[key] !== undefined);
    // After an unknown key that this one may have been meant by, it would only be noise.
    if (given.length === 1 || (given.length === 0 && issues.length > 0)) return;
    const message =
      given.length === 0 ? `needs ${keys.join(' or ')}` : `has ${given.join(' and ')}; keep one`;
    issues.push({ code: 'custom', input: value, path: [], message });
  };
}

/** A rule of a list: no value comes twice. For `.check()`. */
export function distinct<Item>(of: (item: Item) => string | undefined, key: readonly string[]) {
  return ({ value, issues }: z.core.ParsePayload<Item[]>): void => {
    const seen = new Map<string, number>();
    for (const [index, item] of value.entries()) {
      const name = of(item);
      if (name === undefined) continue;
      if (seen.has(name)) {
        const message = `is given twice; the first is number ${seen.get(name)}`;
        issues.push({ code: 'custom', input: value, path: [index, ...key], message });
      } else {
        seen.set(name, index + 1);
      }
    }
  };
}
