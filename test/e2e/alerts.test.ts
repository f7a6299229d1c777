import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { endAll, freshDirectory, isMissing, writeFiles } from '../support/process.ts';

const root = join(import.meta.dirname, '../..');
const rules = join(root, 'ops/alerts.yaml');
const wherePrometheus = isMissing('prometheus') ? it.skip : it;

interface Rule {
  readonly alert: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}
const alerts: readonly Rule[] = parse(readFileSync(rules, 'utf8')).groups[0].rules;

afterAll(endAll);

/** A series by name, and what it stands at from minute to minute, in promtool's notation. */
type Series = Readonly<Record<string, string>>;

interface Case {
  readonly fires: Series;
  readonly silent: Series;
}

const job = '{job="countersign",instance="a"}';
const decided = (labels: string) =>
  `countersign_decisions_total{instance="a",gateway="nginx",${labels}}`;
const allowed = decided('decision="allowed",credential="basic",reason=""');
const refused = (reason: string) => decided(`decision="refused",credential="",reason="${reason}"`);
const within = (le: string) =>
  `countersign_decision_duration_seconds_bucket{instance="a",le="${le}"}`;
const questions = 'countersign_issuer_introspections_total{endpoint="e"}';
const unanswered = 'countersign_issuer_introspection_failures_total{endpoint="e"}';
const audited = 'countersign_audit_records_total{instance="a",result="failed"}';
const answered = (status: string) =>
  `countersign_public_responses_total{instance="a",endpoint="introspect",status="${status}"}`;
const rotation = 'countersign_signing_key_rotation_timestamp_seconds';
const expiry = 'countersign_certificate_expiry_timestamp_seconds{listener="auth"}';
const workers = (state: string) => `countersign_workers{instance="a",state="${state}"}`;
const [hour, day] = [3600, 86_400];

/** Time begins at 0 and is looked at after 30 minutes; `1+2x30` is 1, 3, 5 and so on. */
const cases: Readonly<Record<string, Case>> = {
  CountersignDown: {
    fires: { [`up${job}`]: '1x20 0x10' },
    silent: { [`up${job}`]: '1x30', 'up{job="another"}': '0x30' },
  },
  CountersignAbsent: {
    fires: { 'up{job="another"}': '1x30' },
    silent: { [`up${job}`]: '0x30' },
  },
  CountersignNotReady: {
    fires: { countersign_ready: '1x20 0x10' },
    // As long as starting takes.
    silent: { countersign_ready: '1x26 0x4' },
  },
  CountersignRestarts: {
    fires: { [`process_start_time_seconds${job}`]: '1x20 2 3 4 5x7' },
    // An upgrade, and one more.
    silent: { [`process_start_time_seconds${job}`]: '1x20 2 3x9' },
  },
  CountersignWorkersMissing: {
    fires: { [workers('serving')]: '4x20 3x10', [workers('configured')]: '4x30' },
    // As long as another one takes to start.
    silent: { [workers('serving')]: '4x27 3x3', [workers('configured')]: '4x30' },
  },
  CountersignWorkersEnd: {
    fires: { countersign_workers_lost_total: '0x20 1 2 3 4x7' },
    silent: { countersign_workers_lost_total: '0x20 1x10' },
  },
  CountersignInternalErrors: {
    fires: { [refused('internal_error')]: '0x28 1x2' },
    silent: { [refused('internal_error')]: '0x10 1x20', [refused('no_credential')]: '0+9x30' },
  },
  CountersignCannotDecide: {
    fires: { [allowed]: '0+98x30', [refused('issuer_unavailable')]: '0+2x30' },
    silent: {
      [allowed]: '0+995x30',
      [refused('issuer_unavailable')]: '0+5x30',
      [refused('no_credential')]: '0+500x30',
    },
  },
  CountersignRefusals: {
    fires: { [allowed]: '0+100x40', [refused('wrong_password')]: '0+200x40' },
    // The share is as large, but of very few.
    silent: { [allowed]: '0+1x40', [refused('wrong_password')]: '0+2x40' },
  },
  CountersignSlow: {
    fires: {
      [within('0.1')]: '0+98x30',
      [within('0.5')]: '0+100x30',
      [within('+Inf')]: '0+100x30',
    },
    silent: { [within('0.1')]: '0+100x30', [within('+Inf')]: '0+100x30' },
  },
  CountersignEventLoopLag: {
    fires: { [`nodejs_eventloop_lag_p99_seconds${job}`]: '0.2x30' },
    silent: { [`nodejs_eventloop_lag_p99_seconds${job}`]: '0.01x28 0.2x2' },
  },
  CountersignMemory: {
    fires: { [`process_resident_memory_bytes${job}`]: '2e9x30' },
    silent: { [`process_resident_memory_bytes${job}`]: '6e8x30' },
  },
  CountersignOpenFiles: {
    fires: { [`process_open_fds${job}`]: '900x30', [`process_max_fds${job}`]: '1024x30' },
    silent: { [`process_open_fds${job}`]: '90x30', [`process_max_fds${job}`]: '1024x30' },
  },
  CountersignKeyStoreDown: {
    fires: { countersign_key_store_up: '1x10 0x20' },
    silent: { countersign_key_store_up: '0x28 1x2' },
  },
  CountersignRotationOverdue: {
    fires: { [rotation]: `${30 * 60 - hour - 1}x30` },
    silent: { [rotation]: `${30 * 60 - hour + 1}x30` },
  },
  CountersignIssuerKeysGone: {
    fires: { 'countersign_issuer_keys{issuer="i"}': '2x20 0x10' },
    silent: { 'countersign_issuer_keys{issuer="i"}': '0 2x29' },
  },
  CountersignIssuerKeysOld: {
    fires: { 'countersign_issuer_keys_age_seconds{issuer="i"}': '3000+60x30' },
    silent: { 'countersign_issuer_keys_age_seconds{issuer="i"}': '600x30' },
  },
  CountersignIntrospectionFailing: {
    fires: { [questions]: '0+10x30', [unanswered]: '0+2x30' },
    silent: { [questions]: '0+100x30', [unanswered]: '0+2x30' },
  },
  CountersignCertificateExpires: {
    fires: { [expiry]: `${14 * day}x30` },
    silent: { [expiry]: `${15 * day}x30` },
  },
  CountersignCertificateEnds: {
    fires: { [expiry]: `${2 * day}x30` },
    silent: { [expiry]: `${3 * day}x30` },
  },
  CountersignRevocationStoreDown: {
    fires: { 'countersign_revocation_store_up{store="lmdb"}': '1x20 0x10' },
    silent: { 'countersign_revocation_store_up{store="lmdb"}': '0x28 1x2' },
  },
  CountersignRevocationsOld: {
    fires: { countersign_revocations_age_seconds: '0x20 0+60x10' },
    silent: { countersign_revocations_age_seconds: '0.3x30' },
  },
  CountersignCredentialFile: {
    fires: { 'countersign_credential_file_usable{file="f"}': '1x20 0x10' },
    // Somebody put it right.
    silent: { 'countersign_credential_file_usable{file="f"}': '1x20 0x3 1x7' },
  },
  CountersignConfigurationRefused: {
    fires: { countersign_config_last_reload_successful: '1x20 0x10' },
    // Somebody put it right.
    silent: { countersign_config_last_reload_successful: '1x20 0x3 1x7' },
  },
  CountersignAuditFailing: {
    fires: { [audited]: '0x27 1x3' },
    silent: { [audited]: '0x10 7x20' },
  },
  CountersignLogLost: {
    fires: { countersign_log_lines_lost_total: '0x27 4x3' },
    silent: { countersign_log_lines_lost_total: '4x30' },
  },
  CountersignPublicErrors: {
    fires: { [answered('200')]: '0+90x30', [answered('503')]: '0+10x30' },
    silent: { [answered('200')]: '0+98x30', [answered('503')]: '0+1x30' },
  },
};

function promtool(args: readonly string[]): {
  readonly status: number | null;
  readonly said: string;
} {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}

/** One test of promtool: is the alert firing after half an hour? */
function expectation(alert: string, series: Series, firing: boolean) {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
        eval_time: '30m',
        exp_samples: [{ labels: '{}', value: firing ? 1 : 0 }],
      },
    ],
  };
}

describe('the alert rules', () => {
  wherePrometheus('are good', () => {
    expect(promtool(['check', 'rules', rules])).toMatchObject({ status: 0 });
  });

  it('have a case each, a severity, and a section that says what to do', () => {
    expect(alerts.map(({ alert }) => alert).sort()).toEqual(Object.keys(cases).sort());
    const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook']);
      const [, anchor] = /^docs\/operations\.md#(\w+)$/.exec(annotations['runbook'] ?? '') ?? [];
      expect(page.toLowerCase()).toContain(`\n#### ${anchor}\n`);
      expect(page).toContain(`\`${alert}\``);
    }
  });

  wherePrometheus.each(Object.entries(cases))(
    '%s fires when it should, and else not',
    (alert, each) => {
      const directory = freshDirectory();
      const tests = [expectation(alert, each.fires, true), expectation(alert, each.silent, false)];
      const text = stringify({ rule_files: [rules], evaluation_interval: '1m', tests });
      writeFiles(directory, { 'tests.yaml': text });
      const { status, said } = promtool(['test', 'rules', join(directory, 'tests.yaml')]);
      expect(status === 0 ? '' : said).toBe('');
    },
  );
});
