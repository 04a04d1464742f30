import { type MakeRoute, type Route, type RouteBudget, RouteTable } from './routes.ts';

/** Most tables to remember: with more, those that nobody asked for lately are forgotten before their time. */
const MAX_TABLES = 4096;
/** What a table takes beside its routes. */
const TABLE_BYTES = 1024;

/** Tables of routes by what their routes have in common, as long as someone asks for them. */
export class RouteTables<T> {
  readonly #budget: RouteBudget;
  #recent = new Map<string, RouteTable<T>>();
  /** not asked for since they aged */
  #before = new Map<string, RouteTable<T>>();

  constructor(budget: RouteBudget) {
    this.#budget = budget;
  }

  /** The table of these names, made with `make` if there is none. */
  of(names: readonly string[], make: MakeRoute<T>): RouteTable<T> {
    const name = names.join('\0');
    let table = this.#recent.get(name);
    if (table === undefined) {
      table = this.#before.get(name) ?? new RouteTable(make, this.#budget);
      this.#budget.spend(TABLE_BYTES + 2 * name.length);
      if (this.#recent.size >= MAX_TABLES) this.#turn();
      this.#recent.set(name, table);
    }
    return table;
  }

  /**
   * Forgets the tables that were not asked for since the call before, and of the others the routes that
   * were not looked up since. Whoever keeps a table or a route must ask anew.
   */
  age(): void {
    this.#turn();
    for (const table of this.#before.values()) table.age();
  }

  clear(): void {
    this.#recent.clear();
    this.#before.clear();
  }

  /** The routes of all tables whose names begin with `first`; some may come twice. */
  *routes(first: string): Iterable<Route<T>> {
    for (const tables of [this.#recent, this.#before]) {
      for (const [name, table] of tables) if (name.startsWith(`${first}\0`)) yield* table;
    }
  }

  #turn(): void {
    this.#before = this.#recent;
    this.#recent = new Map();
  }
}
