import { readdirSync, readFileSync } from 'node:fs';
import type { AnnotationQuery, Dashboard, Panel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

// What Grafana is given: the committed files, not what would be generated.

const folder = new URL('../../dashboards/grafana/', import.meta.url);

export const text = (name: string): string => readFileSync(new URL(`${name}.json`, folder), 'utf8');

export const committed: [name: string, dashboard: Dashboard][] = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.replace('.json', ''))
  .map((name) => [name, JSON.parse(text(name))]);

export interface Asked {
  /** of the panel; or which variable or annotation */
  where: string;
  expr: string;
  /** labels its legend or text shows */
  shown: string[];
  exemplar: boolean;
}

export const isPanel = (each: { type: string }): each is Panel => each.type !== 'row';
export const panelsOf = ({ panels = [] }: Dashboard): Panel[] => panels.filter(isPanel);
export const variablesOf = ({ templating }: Dashboard): VariableModel[] => templating?.list ?? [];
export const annotationsOf = ({ annotations }: Dashboard): AnnotationQuery[] => annotations?.list ?? [];
export const targetsOf = ({ targets = [] }: Panel): Dataquery[] => targets as Dataquery[];

export function queriesOf(panel: Panel): Asked[] {
  const { transformations = [] } = panel;
  const columns: string[] = transformations.flatMap(({ options }) => Object.keys(options.indexByName ?? {}));
  const labels = columns.filter((name) => !name.startsWith('Value'));
  return targetsOf(panel).map(({ expr, legendFormat = '', exemplar = false }) => ({
    where: String(panel.title),
    expr,
    shown: [...labels, ...mentioned(legendFormat)],
    exemplar,
  }));
}

export function marksOf(dashboard: Dashboard): Asked[] {
  return annotationsOf(dashboard).map(({ name, expr = '', titleFormat = '', textFormat = '' }) => ({
    where: `annotation ${name}`,
    expr,
    shown: mentioned(titleFormat + textFormat),
    exemplar: false,
  }));
}

function mentioned(format: string): string[] {
  return [...format.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
}

/** `label_values(selector, label)` of the variables that ask Prometheus. */
export function labelValuesOf(dashboard: Dashboard): { name: string; selector: string; label: string }[] {
  return variablesOf(dashboard)
    .filter(({ type }) => type === 'query')
    .map(({ name, query }) => {
      const match = /^label_values\((.*), (\w+)\)$/.exec((query as { query: string }).query);
      if (match === null) throw new Error(`${name} is no label_values(): ${JSON.stringify(query)}`);
      return { name, selector: match[1], label: match[2] };
    });
}
