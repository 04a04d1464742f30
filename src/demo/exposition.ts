/** One line of Prometheus' text format. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A scrape, to be asked for sums. */
export class Exposition {
  readonly #samples: Sample[];

  constructor(text: string) {
    this.#samples = text.split('\n').flatMap((line) => sampleIn(line) ?? []);
  }

  /** Samples of that name that carry at least these labels. */
  matching(name: string, labels: Record<string, string> = {}): Sample[] {
    const wanted = Object.entries(labels);
    return this.#samples.filter(
      (each) => each.name === name && wanted.every(([key, value]) => each.labels[key] === value),
    );
  }

  sum(name: string, labels: Record<string, string> = {}): number {
    return this.matching(name, labels).reduce((sum, { value }) => sum + value, 0);
  }
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function sampleIn(line: string): Sample | undefined {
  const match = line.startsWith('#') ? null : SAMPLE.exec(line);
  if (match === null) return undefined;
  const [, name, labels = '', value] = match;
  const pairs = [...labels.matchAll(LABEL)].map(([, key, text]) => [key, text]);
  return {
    name,
    labels: Object.fromEntries(pairs),
    value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
  };
}
