/** The rows of topics: a number for each topic and pipeline, small and used again. */
export class TopicRows {
  /** rows are below this */
  size = 0;
  readonly #byPipeline = new Map<string, Map<string, number>>();
  readonly #names: ({ topic: string; pipeline: string } | undefined)[] = [];
  readonly #free: number[] = [];

  /** The row of a topic, a new one if it has none. */
  of(topic: string, pipeline: string): number {
    let rows = this.#byPipeline.get(pipeline);
    if (rows === undefined) {
      rows = new Map();
      this.#byPipeline.set(pipeline, rows);
    }
    let row = rows.get(topic);
    if (row === undefined) {
      row = this.#free.pop() ?? this.size++;
      rows.set(topic, row);
      this.#names[row] = { topic, pipeline };
    }
    return row;
  }

  find(topic: string, pipeline: string): number | undefined {
    return this.#byPipeline.get(pipeline)?.get(topic);
  }

  /** Undefined: it is nobody's now. */
  names(row: number): { topic: string; pipeline: string } | undefined {
    return this.#names[row];
  }

  delete(row: number): void {
    const names = this.#names[row];
    if (names === undefined) return;
    const rows = this.#byPipeline.get(names.pipeline);
    rows?.delete(names.topic);
    if (rows?.size === 0) this.#byPipeline.delete(names.pipeline);
    this.#names[row] = undefined;
    this.#free.push(row);
  }
}
