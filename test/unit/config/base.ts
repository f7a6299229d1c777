import { type LoadedConfiguration, loadConfiguration } from '../../../src/config/load.ts';
import { ConfigurationError, type Problem } from '../../../src/config/problems.ts';

export const base = `issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
`;

export function load(text: string, env = {}): LoadedConfiguration {
  return loadConfiguration({ text, file: '/etc/countersign/countersign.yaml', env });
}

export function problemsOf(text: string, env = {}): readonly Problem[] {
  try {
    load(text, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

/** Replaces top-level keys of the base file, which has four lines, and adds others below. */
export function withKeys(keys: Readonly<Record<string, string>>): string {
  const lines = base.trimEnd().split('\n');
  const kept = lines.map((line) => {
    const key = line.slice(0, line.indexOf(':'));
    return keys[key] === undefined ? line : `${key}: ${keys[key]}`;
  });
  const added = Object.entries(keys).filter(([key]) => !base.includes(`${key}:`));
  return [...kept, ...added.map(([key, value]) => `${key}: ${value}`)].join('\n');
}
