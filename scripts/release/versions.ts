import { readFileSync } from 'node:fs';

/** Files that name the version beside package.json, and how. */
const NAMED: [file: string, as: (version: string) => string][] = [
  ['package-lock.json', (version) => `"version": "${version}"`],
  ['deploy/helm/tracehare/Chart.yaml', (version) => `\nversion: ${version}\n`],
  ['deploy/helm/tracehare/Chart.yaml', (version) => `\nappVersion: ${version}\n`],
  ['deploy/kustomize/sidecar/sidecar.yaml', (version) => `image: tracehare:${version}\n`],
  ['deploy/kustomize/injector/injector.yaml', (version) => `image: tracehare:${version}\n`],
  ['deploy/kustomize/injector/injector.yaml', (version) => `value: tracehare:${version}\n`],
  ['Dockerfile', (version) => `ARG VERSION=${version}\n`],
];

/** Those that name another. */
export function versionsThatDiffer(version: string): string[] {
  const text = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  return [...new Set(NAMED.filter(([file, as]) => !text(file).includes(as(version))).map(([file]) => file))];
}
