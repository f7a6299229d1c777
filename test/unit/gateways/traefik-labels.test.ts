import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const recipe = join(import.meta.dirname, '../../../gateways/traefik');
const read = (file: string) => parse(readFileSync(join(recipe, file), 'utf8'));

type Tree = { [name: string]: Tree | string };

/** What Traefik makes of labels: a name's dots are the levels of the dynamic configuration. */
function treeOf(labels: Readonly<Record<string, string>>): Tree {
  const root: Tree = {};
  for (const [name, value] of Object.entries(labels)) {
    const path = name.split('.');
    const last = path.pop() ?? '';
    let node = root;
    for (const part of path) {
      const next = node[part] ?? {};
      if (typeof next === 'string') throw new Error(`${name} is a value and has members`);
      node[part] = next;
      node = next;
    }
    node[last] = value;
  }
  return root;
}

/** The dynamic configuration with values as labels write them. */
function asLabels(value: unknown): unknown {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([name, each]) => [name, asLabels(each)]);
  return Object.fromEntries(members);
}

describe("Traefik's labels", () => {
  it('say what the dynamic configuration says', () => {
    const { http } = read('dynamic.yaml');
    // A dot in a label's name is a level.
    delete http.middlewares['countersign-strip'].headers.customRequestHeaders['X.Custom.Jwt'];
    // An empty object there is a switch here.
    http.routers['site-tls'].tls = true;
    // The container has the address.
    http.services.app.loadBalancer = { server: { port: 3000 } };
    const { traefik } = treeOf(read('labels.yaml').services.app.labels);
    expect(traefik).toEqual({ enable: 'true', http: asLabels(http) });
  });
});
