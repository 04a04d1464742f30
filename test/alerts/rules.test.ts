import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commandPath } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { alerts, groupsOf, prometheusFolder, ruleFiles, rules, rulesOf } from './rule-files.ts';

interface AlertTest {
  alertname: string;
  exp_alerts?: { exp_labels: Record<string, string> }[];
}

const docs = (file: string) => readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8');
const units = fileURLToPath(new URL('units/', import.meta.url));
const unitFiles = readdirSync(units);

async function tool(name: 'promtool' | 'amtool', ...args: string[]): Promise<void> {
  const program = commandPath(name);
  if (program === undefined) throw new Error(`no ${name} found: run \`node scripts/provision.mjs\``);
  const { code, stdout, stderr } = await run(program, args);
  expect(code, `${stdout}${stderr}`).toBe(0);
}

test.each(ruleFiles)('promtool accepts %s', (file) =>
  tool('promtool', 'check', 'rules', `${prometheusFolder}rules/${file}`),
);

test('amtool accepts the configuration of Alertmanager', () =>
  tool('amtool', 'check-config', `${prometheusFolder}alertmanager.yml`));

describe('the rule tests', () => {
  test.each(unitFiles)('%s passes', (file) => tool('promtool', 'test', 'rules', units + file), 60_000);

  test('show each alert firing, with each severity it has, and not firing', () => {
    const cases = unitFiles
      .flatMap((file) => parse(readFileSync(units + file, 'utf8'), { merge: true }).tests)
      .flatMap(({ alert_rule_test: tests = [] }: { alert_rule_test?: AlertTest[] }) => tests);
    for (const { alert, labels } of alerts) {
      const of = cases.filter(({ alertname }) => alertname === alert);
      const firing = of.flatMap(({ exp_alerts: expected = [] }) => expected);
      expect(
        firing.map(({ exp_labels }) => exp_labels.severity),
        alert,
      ).toContain(labels?.severity);
      expect(of.filter(({ exp_alerts: expected = [] }) => expected.length === 0).length, alert).toBeGreaterThan(0);
    }
  });
});

describe('every alert', () => {
  test.each(alerts.map((alert) => [`${alert.alert} (${alert.labels?.severity})`, alert] as const))(
    '%s has a severity, says what is the matter, and where to read what to do',
    (_, { alert, labels = {}, annotations = {} }) => {
      expect(alert).toMatch(/^Tracehare[A-Z]/);
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/\S/);
      expect(annotations.description).toMatch(/\.$/);
      expect(annotations.runbook_url).toBe(`docs/runbooks.md#${alert.toLowerCase()}`);
    },
  );

  test('has a section in docs/runbooks.md with what to look at and what to do, and every section an alert', () => {
    const sections = docs('runbooks.md').split(/^## /m).slice(1);
    const names = sections.map((section) => section.split('\n')[0]);
    expect(names.toSorted()).toEqual([...new Set(alerts.map(({ alert }) => alert))].toSorted());
    for (const section of sections) {
      for (const part of ['**Meaning.**', '**Look at.**', '**Do.**']) expect(section).toContain(part);
    }
  });

  test('is in the table of docs/alerts.md', () => {
    const listed = [...docs('alerts.md').matchAll(/^\| \[?`(Tracehare\w+)`/gm)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual([...new Set(alerts.map(({ alert }) => alert))].toSorted());
  });
});

describe('what rules ask for is there', () => {
  const asked = rules.map(({ expr }) => expr).join('\n');

  test('every metric is documented', () => {
    const documented = new Set(
      [...docs('metrics.md').matchAll(/^\| `(\w+)` *\| (\w+) /gm)].flatMap(([, name, kind]) =>
        kind === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
      ),
    );
    const names = [...asked.matchAll(/(?<![\w:"])(?:event|messaging|tracehare)_\w+(?![\w:])/g)].map(([name]) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(documented).toContain(name);
  });

  test('every recorded series is recorded', () => {
    const recorded = rules.map(({ record }) => record);
    for (const [name] of asked.matchAll(/\b\w+:\w+:\w+/g)) expect(recorded).toContain(name);
  });

  test('none reads what another group records: it would be an interval old', () => {
    const groups = ruleFiles.flatMap((file) => groupsOf(file));
    const names = groups.map(({ rules }) => rules.flatMap(({ record }) => record ?? []));
    const stale = groups.flatMap(({ name, rules }, at) => {
      const own = new Set(names[at]);
      const others = new Set(names.flat().filter((each) => !own.has(each)));
      const read = rules.flatMap(({ expr }) => [...expr.matchAll(/[a-z]\w*:\w+(:\w+)?/g)].map(([each]) => each));
      return read.filter((each) => others.has(each)).map((each) => `${name} reads ${each}`);
    });
    expect(stale).toEqual([]);
  });

  test('docs/alerts.md lists what is recorded', () => {
    const listed = [...docs('alerts.md').matchAll(/^\| `([\w:]+)`(_w_)? /gm)].flatMap(([, name, windows]) =>
      windows === undefined ? [name] : ['1m', '5m', '1h'].map((window) => name + window),
    );
    // docs/loss.md has those
    const recorded = ruleFiles.filter((file) => file !== 'undelivered.yml').flatMap(rulesOf);
    const names = new Set(recorded.flatMap(({ record }) => record ?? []));
    expect(listed.filter((name) => name.includes(':')).toSorted()).toEqual([...names].toSorted());
  });
});
