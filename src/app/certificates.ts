import { X509Certificate } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { ReadFiles } from '../config/read-files.ts';
import type { Logger } from './log.ts';

const DAY_MS = 86_400_000;
/** How long before its end a certificate is warned of: two weeks, but no more than a quarter of its life. */
const SOON_MS = 14 * DAY_MS;
const SHARE = 1 / 4;
/** How often is looked whether one has come near its end meanwhile. */
const LOOK_MS = 3_600_000;

interface Life {
  /** ms since the epoch */
  begins: number;
  ends: number;
}

interface Known extends Life {
  /** the setting that names its file; `broker` for one that an upstream shows */
  certificate: string;
  upstream: string;
  /** where it is from, in the log */
  from: string;
  /** what was said of it last */
  told?: string | undefined;
}

/** When the certificates end that are shown, trusted and seen: for a metric, and a warning in good time. */
export class Certificates {
  readonly #log: Logger;
  readonly #now: () => number;
  /** by certificate and upstream */
  #known = new Map<string, Known>();
  readonly #looking: NodeJS.Timeout;

  constructor(log: Logger, now: () => number = Date.now) {
    this.#log = log;
    this.#now = now;
    this.#looking = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** The files of a configuration that takes effect. What brokers showed stays. */
  configure({ listen, upstream }: Pick<Config, 'listen' | 'upstream'>, files: ReadFiles): void {
    const before = this.#known;
    this.#known = new Map([...before].filter(([, { certificate }]) => certificate === 'broker'));
    const named = { 'listen.tls.': listen.tls ?? {}, 'upstream.tls.': upstream.tls };
    for (const [section, { cert, ca }] of Object.entries(named) as [string, { cert?: string; ca?: string }][]) {
      if (cert !== undefined) this.#add(`${section}cert`, cert, earliest(livesIn(files.text(cert))));
      // of several, the last one that can be trusted
      if (ca !== undefined) this.#add(`${section}ca`, ca, latest(livesIn(files.text(ca))));
    }
    // the same certificate is not warned of again
    for (const [key, known] of this.#known) {
      const was = before.get(key);
      if (was?.ends === known.ends) known.told = was.told;
    }
    this.look();
  }

  /** An upstream showed its own. */
  seen(upstream: string, life: Life): void {
    const key = `broker ${upstream}`;
    if (this.#known.get(key)?.ends === life.ends) return;
    this.#known.set(key, { certificate: 'broker', upstream, from: `of upstream ${upstream}`, ...life });
    this.look();
  }

  /** Warns of each once, and once more when it has ended. */
  look(): void {
    const now = this.#now();
    for (const known of this.#known.values()) {
      const problem = problemOf(known, now);
      if (problem === known.told) continue;
      known.told = problem;
      if (problem === undefined) continue;
      const { certificate, begins, ends } = known;
      const cure =
        certificate === 'broker' ? 'renew it on the broker' : 'renew the file: it is read again as it changes';
      this.#log.warn(
        { begins: new Date(begins).toISOString(), ends: new Date(ends).toISOString() },
        `the certificate ${known.from} ${problem}; ${cure}`,
      );
    }
  }

  /** When each ends, seconds since the epoch. */
  ends(): { labels: { certificate: string; upstream: string }; value: number }[] {
    return [...this.#known.values()].map(({ certificate, upstream, ends }) => ({
      labels: { certificate, upstream },
      value: ends / 1000,
    }));
  }

  close(): void {
    clearInterval(this.#looking);
  }

  #add(certificate: string, path: string, life: Life | undefined): void {
    if (life === undefined) return;
    this.#known.set(certificate, { certificate, upstream: '', from: `of ${certificate}, ${path},`, ...life });
  }
}

function problemOf({ begins, ends }: Life, now: number): string | undefined {
  if (now >= ends) return 'has expired';
  if (now < begins) return 'is not valid yet';
  return ends - now < Math.min(SOON_MS, (ends - begins) * SHARE) ? 'expires soon' : undefined;
}

/** Of each certificate in a PEM file; one that can't be read was told of by the check of the configuration. */
function livesIn(pem: string): Life[] {
  const blocks = pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----.*?-----END (TRUSTED )?CERTIFICATE-----/gs) ?? [];
  return blocks.flatMap((block) => {
    try {
      const { validFromDate, validToDate } = new X509Certificate(block);
      return { begins: validFromDate.getTime(), ends: validToDate.getTime() };
    } catch {
      return [];
    }
  });
}

const earliest = (lives: Life[]): Life | undefined => lives.toSorted((a, b) => a.ends - b.ends)[0];
const latest = (lives: Life[]): Life | undefined => lives.toSorted((a, b) => b.ends - a.ends)[0];
