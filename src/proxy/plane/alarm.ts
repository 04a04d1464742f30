/**
 * Whether the broker takes publishes from nobody, as far as any connection knows. It says so only to clients that
 * declare the capability `connection.blocked`, but stops reading from every one that publishes.
 */
export class Alarm {
  /** when it was told, ms of the monotonic clock; NaN: none stands */
  #since = Number.NaN;
  /** when the last one ended */
  over = Number.NEGATIVE_INFINITY;
  /** called when this thread finds out that one stands, or no longer does */
  onChange: (stands: boolean) => void = () => {};

  get stands(): boolean {
    return !Number.isNaN(this.#since);
  }

  /** A connection was told, on this thread or another. */
  learn(stands: boolean, now: number): void {
    if (stands === this.stands) return;
    this.#since = stands ? now : Number.NaN;
    if (!stands) this.over = now;
  }

  /** A connection of this thread was told that it is blocked, or no longer is. */
  told(stands: boolean, now: number): void {
    if (stands === this.stands) return;
    this.learn(stands, now);
    this.onChange(stands);
  }

  /**
   * A publish that passed at `time` was read by the broker: an alarm that was told before is over. The connections
   * that were told of it may all be gone, so nobody else may ever say so.
   */
  read(time: number, now: number): void {
    if (time > this.#since) this.told(false, now);
  }
}
