import { makeRoom } from '../../proxy/ports/bounded.ts';
import type { Seen } from '../../proxy/ports/sighting.ts';

/** Queues and exchanges that are remembered; of more, the oldest is forgotten. */
const MOST = 4096;
/** Apps that are remembered of each. */
const MOST_APPS = 8;

/** Who has declared what, and how. */
export class Declared {
  /** by vhost and name: what each app said last */
  readonly #said = new Map<string, Map<string, string>>();

  /** A declaration that was granted or refused; what is to be told of it, if another app has said otherwise or it was refused. */
  compare(seen: Seen): Seen | undefined {
    const { vhost, name, app, evidence } = seen;
    const key = `${vhost}\0${name}`;
    const said = this.#said.get(key) ?? new Map<string, string>();
    const others = [...said].filter(([other, words]) => other !== app && words !== evidence);
    const isRefused = evidence.startsWith('refused');
    if (!isRefused) {
      if (!this.#said.has(key)) makeRoom(this.#said, MOST);
      if (!said.has(app)) makeRoom(said, MOST_APPS);
      this.#said.set(key, said.set(app, evidence));
    }
    if (others.length === 0 && !isRefused) return undefined;
    const [other] = others;
    const own = `${app} declares it ${evidence}`;
    return { ...seen, evidence: other === undefined ? own : `${own}; ${other[0]} declares it ${other[1]}` };
  }
}
