import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { createFindings } from '../../src/assemble/findings.ts';
import { compileRoutes } from '../../src/assemble/routes.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { ConfigurationError } from '../../src/config/problems.ts';
import { parseKeysFile } from '../../src/exchange/credentials/api-key/api-keys-file.ts';
import { joinInputs } from '../../src/exchange/expressions.ts';
import { describeReason, refusalReasons } from '../../src/exchange/refusals.ts';
import { pages as all } from '../support/pages.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What people wrote; `docs/configuration.md` has tests of its own. */
const pages = all.filter((name) => name !== 'docs/configuration.md');

const blocks = pages.flatMap((page) =>
  [...read(page).matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = ''], index) => ({
    place: `${page}, block ${index + 1}`,
    text,
  })),
);
const blocksOf = (firstLine: string) =>
  blocks
    .filter(({ text }) => text.startsWith(`${firstLine}\n`))
    .map(({ place, text }) => [place, text] as const);

/** What is wrong with a configuration, but for files that are not in this checkout. */
function problemsOf(text: string): string[] {
  try {
    const loaded = loadConfiguration({ text, file: join(root, 'countersign.yaml'), env: {} });
    const findings = createFindings(loaded);
    compileRoutes(loaded.configuration, joinInputs([]), findings);
    findings.throwAny();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems
      .map(({ key, message }) => `${key}: ${message}`)
      .filter((problem) => !problem.endsWith('cannot be read (ENOENT)'));
  }
}

/** What a part of a configuration is laid over. */
const rest = {
  issuer: 'https://countersign.example.com',
  gateways: { nginx: {} },
  credentials: [{ basic: { trust: 'gateway' } }],
  token: { audience: 'https://orders.internal' },
};

describe('the YAML in the documentation', () => {
  it.each(blocksOf('# countersign.yaml'))('loads: %s', (_place, text) => {
    expect(problemsOf(text)).toEqual([]);
  });

  it.each(blocksOf('# part of countersign.yaml'))('loads beside the rest: %s', (_place, text) => {
    expect(problemsOf(stringify({ ...rest, ...parse(text) }))).toEqual([]);
  });

  it.each(blocksOf('# api-keys.yaml'))('is a keys file: %s', (_place, text) => {
    expect(parseKeysFile(text).size).toBeGreaterThan(0);
  });

  it('says in its first line what it is, so that it is checked', () => {
    const kinds =
      /^# (?:countersign\.yaml|part of countersign\.yaml|api-keys\.yaml|values\.yaml|(?:gateways|k8s)\/\S+)\n/;
    expect(blocks.filter(({ text }) => !kinds.test(text)).map(({ place }) => place)).toEqual([]);
    expect(blocks.length).toBeGreaterThan(10);
  });
});

describe('a block of a recipe', () => {
  const linesOf = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trim());
  const quoted = pages.flatMap((page) =>
    [...read(page).matchAll(/^```\w+\n(?:#|--) ((?:gateways|k8s)\/\S+)\n(.*?)^```/gms)].map(
      ([, file = '', text = '']) => ({ page, file, text }),
    ),
  );

  it('stands in the recipe, line by line', () => {
    expect(quoted.length).toBeGreaterThan(5);
    const wrong = quoted.filter(
      ({ file, text }) => !linesOf(read(file)).join('\n').includes(linesOf(text).join('\n')),
    );
    expect(wrong.map(({ page, file }) => `${page}: ${file}`)).toEqual([]);
  });
});

describe('the table of reasons', () => {
  const rows = [...read('docs/operations.md').matchAll(/^\| `(\w+)` \| (401|403|503) \| \S/gm)];

  it('has each reason once, with its status, and no other', () => {
    const statuses = { credential: '401', request: '403', dependency: '503' };
    const expected = refusalReasons.map((reason) => [
      reason,
      statuses[describeReason(reason).kind],
    ]);
    expect(rows.map(([, reason, status]) => [reason, status])).toEqual(expected);
  });

  it('is where every reason that a page gives for a status is named', () => {
    const named = pages.flatMap((page) => [
      ...read(page).matchAll(/\b(?:401|403|503)\s+\(?`(\w+)`/g),
    ]);
    expect(named.length).toBeGreaterThan(5);
    for (const [, reason] of named) expect(refusalReasons).toContain(reason);
  });
});

describe('a link', () => {
  const links = pages.flatMap((page) =>
    [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => ({ page, target }))
      .filter(({ target }) => !/^https?:/.test(target)),
  );

  it.each(pages)('of %s leads to a file, and to a heading in it', (page) => {
    const broken = links.filter((link) => link.page === page && !resolves(link));
    expect(broken.map(({ target }) => target)).toEqual([]);
  });

  it('leads to every page', () => {
    const reached = new Set(links.map(({ page, target }) => fileOf({ page, target })));
    const lost = pages.filter(
      (page) => page !== 'README.md' && !reached.has(page) && !reached.has(`${dirname(page)}/`),
    );
    expect(lost).toEqual([]);
  });
});

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```/gms, '');
}

function fileOf({ page, target }: { page: string; target: string }): string {
  const [path = ''] = target.split('#');
  return path === '' ? page : join(dirname(page), path);
}

function resolves(link: { page: string; target: string }): boolean {
  const file = fileOf(link);
  if (relative('.', file).startsWith('..') || !existsSync(join(root, file))) return false;
  const anchor = link.target.split('#')[1];
  if (anchor === undefined) return true;
  const headings = [...withoutCode(read(file)).matchAll(/^#+ (.+)$/gm)];
  return headings.some(([, heading = '']) => slugOf(heading) === anchor);
}

/** As GitHub makes it. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

describe('a command', () => {
  const commands = [...read('src/main.ts').matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name);
  const sourceOf = (command: string) => read(`src/commands/${command}.ts`);
  const written = pages.flatMap((page) =>
    // In code: after a back quote, at the start of a line, or after another command.
    [...read(page).matchAll(/(?:`|^ *|&& |\| |\$\()countersign ([a-z]+)([^`\n#|)]*)/gm)].map(
      ([, command = '', rest = '']) => ({ place: `${page}: ${command}${rest}`, command, rest }),
    ),
  );

  it('that a page names exists', () => {
    expect(commands).toContain('serve');
    expect(written.length).toBeGreaterThan(15);
    const unknown = written.filter(({ command }) => !commands.includes(command));
    expect(unknown.map(({ place }) => place)).toEqual([]);
  });

  it('is given options that it has', () => {
    const wrong = written.filter(({ command, rest }) => {
      const options = new Set(sourceOf(command).match(/--[a-z-]+/g));
      return rest.match(/--[a-z-]+/g)?.some((option) => !options.has(option));
    });
    expect(wrong.map(({ place }) => place)).toEqual([]);
  });

  it('is given a part that it has', () => {
    const parts = [...sourceOf('keys').matchAll(/command === '(\w+)'/g)].map(([, name]) => name);
    expect(parts).toContain('list');
    const named = written.filter(({ command }) => command === 'keys');
    expect(named.length).toBeGreaterThan(2);
    for (const { rest } of named) expect(parts).toContain(rest.trim().split(/[ ;]/)[0]);
  });

  it('of npm that a page names is in package.json', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = pages.flatMap((page) => [
      ...read(page).matchAll(/\bnpm (?:run ([a-z:]+)|(start|test)\b)/g),
    ]);
    expect(named.length).toBeGreaterThan(5);
    for (const [, script, short] of named) expect(scripts).toHaveProperty([script ?? short ?? '']);
  });
});

describe('the map of the code in CONTRIBUTING.md', () => {
  const named = read('CONTRIBUTING.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => (line.split('|')[1] ?? '').match(/(?<=`)[\w./-]+(?=`)/g) ?? []);

  it('leads to files and folders that are there', () => {
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it.each(['src', 'test'])('names every folder of %s', (parent) => {
    const folders = readdirSync(join(root, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${parent}/${name}/`);
    expect(named).toEqual(expect.arrayContaining(folders));
  });
});
