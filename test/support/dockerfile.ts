/** A Dockerfile, as far as this repository's own goes: anything else in it is an error. */
export interface Stage {
  /** The image it starts from, or `scratch`. */
  readonly from: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export interface Instruction {
  readonly word: string;
  /** The rest of the line; lines that end in a backslash are joined, as Docker joins them. */
  readonly text: string;
}

const known = /^(?:ARG|COPY|RUN|SHELL|WORKDIR|ENV|USER|EXPOSE|LABEL|ENTRYPOINT|CMD|HEALTHCHECK)$/;

export function readDockerfile(text: string): Stage[] {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  const given = new Map<string, string>();
  for (const { word, text: line } of linesOf(text)) {
    const stage = stages.at(-1);
    if (word === 'FROM') {
      const [, from = '', name] = /^(\S+)(?: AS (\S+))?$/.exec(line) ?? [];
      stages.push({ from: fill(from, given), name, instructions: [] });
    } else if (word === 'ARG') {
      const [, name = '', value = ''] = /^(\w+)=(\S*)$/.exec(line) ?? [];
      given.set(name, value);
      stage?.instructions.push({ word, text: line });
    } else if (!known.test(word) || stage === undefined) {
      throw new Error(`not understood: ${word} ${line}`);
    } else {
      stage.instructions.push({ word, text: word === 'RUN' ? line : fill(line, given) });
    }
  }
  return stages;
}

function linesOf(text: string): Instruction[] {
  const logical = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, '')
    .split('\n');
  return logical
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
      return { word, text: rest };
    });
}

/** Docker fills build arguments into every instruction but RUN, where the shell does it. */
function fill(text: string, given: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => given.get(name) ?? '');
}

/** `COPY --from=build --chown=1:1 a b /to/`, in its parts. */
export function readCopy(text: string) {
  const words = text.split(/\s+/);
  const flags = new Map(
    words.filter((word) => word.startsWith('--')).map((word) => splitAt(word.slice(2))),
  );
  const paths = words.filter((word) => !word.startsWith('--'));
  const unknown = [...flags.keys()].filter((flag) => flag !== 'from' && flag !== 'chown');
  if (unknown.length > 0) throw new Error(`not understood: --${unknown[0]}`);
  return {
    from: flags.get('from'),
    owner: flags.get('chown') ?? '0:0',
    sources: paths.slice(0, -1),
    target: paths.at(-1) ?? '',
  };
}

function splitAt(word: string): [string, string] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}

/** The names that a .dockerignore of the form `*`, `!name`, … lets into the build. */
export function namesOfContext(dockerignore: string): string[] {
  const [first, ...others] = dockerignore.split('\n').filter((line) => /^[^#\s]/.test(line));
  if (first !== '*' || !others.every((line) => /^!\.?[\w-][\w.-]*$/.test(line))) {
    throw new Error('.dockerignore no longer starts from nothing');
  }
  return others.map((line) => line.slice(1));
}
