/** Writes dashboards/grafana/*.json: `npm run dashboards`. A test fails when one of them drifts. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { overview } from './overview.ts';
import { sidecars } from './sidecars.ts';
import { topic } from './topic.ts';

/** By file name, without `.json`. */
export const dashboards: Record<string, Dashboard> = {
  overview: numbered(overview()),
  topic: numbered(topic()),
  sidecars: numbered(sidecars()),
};

/** Links and embeds name panels by their id; the SDK gives none. */
function numbered(dashboard: Dashboard): Dashboard {
  for (const [index, panel] of (dashboard.panels ?? []).entries()) panel.id = index + 1;
  return dashboard;
}

export function pathOf(name: string): string {
  return fileURLToPath(new URL(`grafana/${name}.json`, import.meta.url));
}

export function rendered(name: string): string {
  return `${JSON.stringify(dashboards[name], null, 2)}\n`;
}

if (import.meta.main) for (const name of Object.keys(dashboards)) writeFileSync(pathOf(name), rendered(name));
