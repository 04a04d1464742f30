import type { ContentHeader } from '../amqp/content.ts';
import { makeRoom } from '../bounded.ts';
import { observedHeaders } from '../proxy/ports/interceptor.ts';
import type { HeaderChange } from '../proxy/routing/treatment.ts';
import { compileHeaders } from '../rules/header-change.ts';
import type { HeaderDecision } from './plugin.ts';

type Added = HeaderChange['add'][number];

const own: readonly string[] = observedHeaders;
const LONGEST_NAME = 255;
/** What all plugins add to a message: it must fit beside what rules and we ourselves add. */
const MOST_ADDED = 1024;
/** Entries kept for the next messages: tenants, sizes and the like are few. */
const MOST_KEPT = 1024;

/** What plugins decide on the headers of the message at hand, together with what its rule says. */
export class HeaderEdits {
  readonly #kept = new Map<string, Added>();
  readonly #ruled = new WeakMap<HeaderChange, { add: [string, Added][]; remove: [string, Uint8Array][] }>();
  readonly #decided = new Set<string>();
  #add: Added[] = [];
  #remove: Uint8Array[] = [];
  #bytes = 0;

  begin(): void {
    if (this.#decided.size === 0) return;
    this.#decided.clear();
    this.#add = [];
    this.#remove = [];
    this.#bytes = 0;
  }

  /** All of it or, if it throws, nothing. */
  decide({ add = {}, remove = [], replace = false }: HeaderDecision, header: ContentHeader): void {
    const entries = Object.entries(add)
      .filter(([name]) => !this.#decided.has(name))
      .map(([name, value]) => [name, this.#entry(name, value)] as const);
    const removed = remove.filter((name) => !this.#decided.has(name)).map((name) => [name, bytesOf(name)] as const);
    const bytes = entries.reduce((sum, [, { entry }]) => sum + entry.length, this.#bytes);
    if (bytes > MOST_ADDED)
      throw new RangeError(`plugins add more than ${MOST_ADDED} bytes of headers to a message, names included`);
    this.#bytes = bytes;
    for (const [name, each] of removed) {
      this.#decided.add(name);
      this.#remove.push(each);
    }
    for (const [name, each] of entries) {
      const mayStand = !replace && !this.#decided.has(name);
      this.#decided.add(name);
      if (!mayStand || header.find(each.name) < 0) this.#add.push(each);
    }
  }

  /** With what the rule says of headers that no plugin decided on. */
  with(ruled: HeaderChange | undefined, header: ContentHeader): HeaderChange | undefined {
    if (this.#decided.size === 0) return ruled;
    if (ruled !== undefined) {
      const { add, remove } = this.#named(ruled);
      for (const [name, each] of remove) if (!this.#decided.has(name)) this.#remove.push(each);
      for (const [name, each] of add)
        if (!this.#decided.has(name) && (ruled.replace || header.find(each.name) < 0)) this.#add.push(each);
    }
    // what must not be replaced is not among them any more
    return { add: this.#add, remove: this.#remove, replace: true };
  }

  #named(ruled: HeaderChange) {
    let named = this.#ruled.get(ruled);
    if (named === undefined) {
      named = {
        add: ruled.add.map((each) => [Buffer.from(each.name).toString(), each]),
        remove: ruled.remove.map((each) => [Buffer.from(each).toString(), each]),
      };
      this.#ruled.set(ruled, named);
    }
    return named;
  }

  #entry(name: string, value: string): Added {
    const key = `${name}\0${value}`;
    let entry = this.#kept.get(key);
    if (entry === undefined) {
      checkName(name);
      [entry] = compileHeaders({ add: { [name]: value } }).add;
      if (entry.entry.length > MOST_ADDED) return entry;
      makeRoom(this.#kept, MOST_KEPT);
      this.#kept.set(key, entry);
    }
    return entry;
  }
}

function bytesOf(name: string): Uint8Array {
  checkName(name);
  return Buffer.from(name);
}

function checkName(name: string): void {
  if (own.includes(name)) throw new TypeError(`its decision: ${name} is read by Tracehare itself and can't be changed`);
  if (name === '' || Buffer.byteLength(name) > LONGEST_NAME)
    throw new TypeError(`its decision: the name of a header has 1 to ${LONGEST_NAME} bytes`);
}
