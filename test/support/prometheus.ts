import { join } from 'node:path';
import { freePorts, freshDirectory, start, until, writeFiles } from './process.ts';

/** A real Prometheus on this machine. */
export interface Prometheus {
  /** @returns what the API answers, as `data` */
  get(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  /** Evaluates an expression now. @returns the labels of each result; throws what is wrong with it */
  query(expression: string): Promise<readonly Readonly<Record<string, string>>[]>;
}

/** Scrapes and evaluates every second; `endAll` ends it. @param target `host:port` of the metrics */
export async function startPrometheus(target: string, rules: string): Promise<Prometheus> {
  const directory = freshDirectory();
  const [port = 0] = await freePorts(1);
  writeFiles(directory, {
    'prometheus.yml': `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${JSON.stringify(rules)}]
scrape_configs:
  - job_name: countersign
    static_configs: [{ targets: ['${target}'] }]
`,
  });
  const running = start('prometheus', [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);

  async function get(
    path: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const url = `http://127.0.0.1:${port}${path}?${new URLSearchParams(parameters)}`;
    const { status, data, error } = (await (await fetch(url)).json()) as Record<string, unknown>;
    if (status !== 'success') throw new Error(`${parameters['query'] ?? path}: ${error}`);
    return data;
  }

  await until(() => get('/api/v1/status/buildinfo').then(Boolean, () => false), running);
  return {
    get,
    async query(expression) {
      const { result } = (await get('/api/v1/query', { query: expression })) as {
        readonly result: readonly { readonly metric: Readonly<Record<string, string>> }[];
      };
      return result.map(({ metric }) => metric);
    },
  };
}
