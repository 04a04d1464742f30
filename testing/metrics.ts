/** One line of an exposition. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
  /** OpenMetrics: what stands behind the `#`, as it stands; undefined without */
  exemplar: string | undefined;
}

export type Labels = Record<string, string>;

/** A scrape, to be asked for sums. Reads Prometheus text and OpenMetrics as prom-client writes them. */
export class Metrics {
  readonly text: string;
  readonly samples: Sample[];

  constructor(text: string) {
    this.text = text;
    this.samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parseSample);
  }

  /** Samples of that name that carry at least these labels. */
  matching(name: string, labels: Labels = {}): Sample[] {
    return this.samples.filter((sample) => sample.name === name && carries(sample, labels));
  }

  /** Sum over the matching samples; 0 without any. */
  sum(name: string, labels: Labels = {}): number {
    return this.matching(name, labels).reduce((sum, sample) => sum + sample.value, 0);
  }

  /** The one matching sample's value; undefined without any. Several are an error. */
  value(name: string, labels: Labels = {}): number | undefined {
    const found = this.matching(name, labels);
    if (found.length > 1) throw new Error(`${found.length} samples of ${name} match ${JSON.stringify(labels)}`);
    return found[0]?.value;
  }
}

function carries(sample: Sample, labels: Labels): boolean {
  return Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)(?: [\d.]+)?(?: # (.*))?$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function parseSample(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`not a line of an exposition: ${line}`);
  const [, name, labels = '', value, exemplar] = match;
  const pairs = [...labels.matchAll(LABEL)].map(([, key, text]) => [key, unescaped(text)]);
  return { name, labels: Object.fromEntries(pairs), value: parseNumber(value), exemplar };
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character));
}

function parseNumber(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}
