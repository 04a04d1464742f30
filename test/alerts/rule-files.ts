import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export const prometheusFolder = fileURLToPath(new URL('../../dashboards/prometheus/', import.meta.url));

/** Names of the files in dashboards/prometheus/rules. */
export const ruleFiles = readdirSync(`${prometheusFolder}rules`);

export function textOf(file: string): string {
  return readFileSync(`${prometheusFolder}rules/${file}`, 'utf8');
}

export function groupsOf(file: string): { name: string; rules: Rule[] }[] {
  return parse(textOf(file), { merge: true }).groups;
}

/** Its rules in the order they are evaluated in. */
export function rulesOf(file: string): Rule[] {
  return groupsOf(file).flatMap(({ rules }) => rules);
}

export const rules = ruleFiles.flatMap(rulesOf);
export const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined);
