import type { Report } from '../threads/control.ts';
import type { Certificates } from './certificates.ts';
import type { Logger } from './log.ts';
import type { Upstreams } from './upstreams.ts';

export interface ReportReceivers {
  log: Logger;
  upstreams: Upstreams;
  certificates: Certificates;
  /** limits.connections that hold now */
  connections(): number;
  /** Messages that were not told of while somebody watched, of a thread. */
  skipped(from: number, count: number): void;
  /** What a thread has seen of the habits of its apps. */
  saw(seen: Extract<Report, { type: 'saw' }>['seen']): void;
  /** One thread found something out that the others should know. */
  learned(fact: Extract<Report, { type: 'learned' }>['fact'], from: number): void;
}

/** What the traffic threads say, handed on; what several of them may find out is told once. */
export class ThreadReports {
  readonly #to: ReportReceivers;
  readonly #mistakes = new Set<string>();
  #descriptorsTold = false;
  /** traces that maxTracesPerSecond left unsampled, by thread */
  readonly #limited: number[] = [];

  constructor(to: ReportReceivers) {
    this.#to = to;
  }

  /** Traces that maxTracesPerSecond left unsampled. */
  get limited(): number {
    return this.#limited.reduce((total, count) => total + count, 0);
  }

  take(report: Report, from: number): void {
    const { log, upstreams, certificates, learned, skipped, saw } = this.#to;
    if (report.type === 'warning') log.warn(report.message);
    else if (report.type === 'mistake') this.#tellMistake(report.message, report.peer);
    else if (report.type === 'out of descriptors') this.#tellDescriptors();
    else if (report.type === 'sampling') this.#limited[from] = report.limited;
    else if (report.type === 'skipped') skipped(from, report.count);
    else if (report.type === 'saw') saw(report.seen);
    else if (report.type === 'dialled') {
      upstreams.dialled(report.upstream, report.error);
      if (report.life !== undefined) certificates.seen(report.upstream, report.life);
    } else if (report.type === 'learned') learned(report.fact, from);
  }

  #tellMistake(message: string, peer: string): void {
    if (!this.#mistakes.has(message)) this.#to.log.warn({ peer }, message);
    this.#mistakes.add(message);
  }

  /** Once: as long as it lasts, every connection meets it, and a metric counts them. */
  #tellDescriptors(): void {
    if (this.#descriptorsTold) return;
    this.#descriptorsTold = true;
    this.#to.log.error(
      { connections: this.#to.connections() },
      'out of file descriptors: connections are refused until some end; allow two for each connection and a hundred more (ulimit -n, LimitNOFILE=), or lower limits.connections',
    );
  }
}
