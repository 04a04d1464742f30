/** A value as Grafana writes it, short. */
export function withUnit(value: number, unit: string | undefined): string {
  switch (unit) {
    case 's':
      if (value === 0) return '0 s';
      if (Math.abs(value) < 0.001) return `${digits(value * 1e6)} µs`;
      return Math.abs(value) < 1 ? `${digits(value * 1e3)} ms` : `${digits(value)} s`;
    case 'percentunit':
      return `${digits(value * 100)} %`;
    case 'bytes':
      return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB']);
    case 'Bps':
      return scaled(value, 1000, ['B/s', 'kB/s', 'MB/s', 'GB/s']);
    case 'mps':
    case 'eps':
      return `${scaled(value, 1000, ['', 'k', 'M'])}/s`.replace(' /', '/');
    case 'mpm':
    case 'cpm':
      return `${scaled(value, 1000, ['', 'k', 'M'])}/min`.replace(' /', '/');
    default:
      return scaled(value, 1000, ['', 'k', 'M']).trim();
  }
}

function scaled(value: number, by: number, names: string[]): string {
  let step = 0;
  for (; Math.abs(value) >= by && step < names.length - 1; step++) value /= by;
  return `${digits(value)} ${names[step]}`;
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Bytes between two ticks of an axis that reaches to `most`: a power of two, as people count memory. */
export function tickOf(most: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(most, 4) / 4));
}
