export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  readonly text: string;
  /** Complete sentences about references that could not be resolved. */
  readonly failures: readonly string[];
}

/**
 * Replaces `${NAME}`, and `${NAME:-default}` where NAME is unset or empty; `$${` stands for `${`.
 * It works on a value that was parsed already, so what comes in can never become structure.
 */
export function substitute(text: string, environment: Environment): Substituted {
  const failures: string[] = [];
  const replaced = text.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inner: string, end: string) => {
    if (whole === '$${') return '${';
    const [, name, fallback] = /^([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inner) ?? [];
    if (name === undefined || end === '') {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the user has to write
      failures.push('has a ${ that names no variable; write ${NAME}, or $${ for a literal ${');
      return whole;
    }
    const value = environment[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    failures.push(`needs the environment variable ${name}, which is not set`);
    return whole;
  });
  return { text: replaced, failures };
}
