import type { Seen, Sighting } from '../../proxy/ports/sighting.ts';

/** Different ones between two takes; what is beyond is seen again, or is no habit. */
const MOST = 1000;

/** What one traffic thread has seen of the habits of its apps, put together until the main thread is told. */
export class Sightings {
  #seen = new Map<string, Seen>();

  saw(sighting: Sighting): void {
    const { kind, vhost, app, name, evidence } = sighting;
    // of a declaration each wording counts by itself, of others the last one is enough
    const wording = kind === 'declared_differently' ? evidence : '';
    const key = [kind, vhost, app, name, wording].join('\0');
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.count++;
      seen.evidence = evidence;
    } else if (this.#seen.size < MOST) this.#seen.set(key, { ...sighting, count: 1 });
  }

  /** All since the last call. */
  take(): Seen[] {
    if (this.#seen.size === 0) return [];
    const seen = [...this.#seen.values()];
    this.#seen = new Map();
    return seen;
  }
}
