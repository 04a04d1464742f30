import type { HopTally } from '../../proxy/ports/observer.ts';
import { NONE } from '../metrics/cells.ts';
import type { EdgeKind } from '../metrics/edges.ts';
import { Tally, type TallyOwner } from './tally.ts';

const LABELS = ['pipeline', 'edge'] as const;

/** One edge of the service map. Nothing here allocates but the first count of a series. */
export class EdgeCells extends Tally implements HopTally {
  readonly #kind: EdgeKind;
  #messages = NONE;
  #lost = NONE;

  constructor(owner: TallyOwner, pipeline: string, kind: EdgeKind, edge: string) {
    super(owner, 'edges', LABELS, [pipeline, edge]);
    this.#kind = kind;
  }

  passed(_redelivered: boolean, count = 1): void {
    if (this.#messages === NONE) this.#messages = this.claim('edge_messages', this.#labels());
    this.cells[this.#messages] += count;
  }

  lost(): void {
    if (this.#lost === NONE) this.#lost = this.claim('edge_lost', this.#labels());
    this.cells[this.#lost] += 1;
  }

  protected override forget(): void {
    this.#messages = this.#lost = NONE;
  }

  #labels(): string[] {
    const [pipeline, edge] = this.names;
    return [pipeline, this.#kind, edge];
  }
}

/** A delivery that an exchange routed to its queue: both edges count it. */
export class RoutedHop implements HopTally {
  readonly #routed: EdgeCells;
  readonly #delivered: EdgeCells;

  constructor(routed: EdgeCells, delivered: EdgeCells) {
    this.#routed = routed;
    this.#delivered = delivered;
  }

  passed(redelivered: boolean, count = 1): void {
    if (!redelivered) this.#routed.passed(false, count);
    this.#delivered.passed(redelivered, count);
  }

  lost(): void {
    this.#delivered.lost();
  }
}
