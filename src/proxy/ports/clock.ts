/** A wall that is off by more than this was set: it is followed at once, not by slewing. */
const STEP_MS = 1000;

/** Slewing: by so much the time told catches up with the wall in each millisecond that passes. */
const SLEW_RATE = 0.01;

/** The anchor is known well enough when its bounds are this far apart; what changes less stays as it is. */
const PRECISION_MS = 0.01;

/**
 * Most ticks of the wall, of a millisecond each, that a measurement may last: it needs one at which the thread isn't
 * paused. Not a time, which a single pause could use up.
 */
const FIRST_TICKS = 20;
const TICKS = 2;
/** Most readings for each of these ticks, some ten times what a millisecond has room for: a wall may stand still. */
const READINGS = 50_000;

/** Readings that contradict each other by less are not worth a new measurement. */
const TOLERANCE_MS = 0.002;

/**
 * Wall time that never jumps between two messages: the monotonic clock plus an anchor, the wall's time when the
 * monotonic clock was at 0. `now` is in milliseconds of the monotonic clock throughout the data plane; conversion
 * happens where a time leaves it.
 *
 * The wall tells whole milliseconds only. But when it reads `w` between the monotonic times `before` and `after`,
 * the anchor is between `w - after` and `w + 1 - before`, and two such readings around a tick of the wall leave
 * less than a microsecond. A thread that was paused meanwhile learns less from a reading, never anything wrong: so
 * the clock is right on a busy machine too, and those of several threads or sidecars agree.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  /** bounds of the anchor, from all readings since the wall was last seen to be set */
  #low = Number.NEGATIVE_INFINITY;
  #high = Number.POSITIVE_INFINITY;
  /** the anchor that is used, or will be at the end of the slewing */
  #target: number;
  /** the anchor that was used before the slewing */
  #anchor: number;
  #slewFrom = 0;
  #slewRate = 0;
  #slewFor = 0;

  /** The parameters are for tests. */
  constructor(wall = Date.now, monotonic = () => performance.now(), firstTicks = FIRST_TICKS) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#measure(firstTicks);
    this.#target = (this.#low + this.#high) / 2;
    this.#anchor = this.#target;
  }

  now(): number {
    return this.#monotonic();
  }

  /** Microseconds since the epoch. */
  micros(now: number): number {
    return Math.round((this.#anchorAt(now) + now) * 1000);
  }

  /** Compares with the wall; true if it had been set by more than a second and the clock followed at once. */
  check(): boolean {
    this.#measure(TICKS);
    const target = (this.#low + this.#high) / 2;
    if (Math.abs(target - this.#target) <= PRECISION_MS) return false;
    const now = this.#monotonic();
    const anchor = this.#anchorAt(now);
    const off = target - anchor;
    const isStep = Math.abs(off) > STEP_MS;
    this.#target = target;
    this.#anchor = isStep ? target : anchor;
    this.#slewFrom = now;
    this.#slewRate = isStep ? 0 : Math.sign(off) * SLEW_RATE;
    this.#slewFor = Math.abs(off) / SLEW_RATE;
    return isStep;
  }

  #anchorAt(now: number): number {
    return this.#anchor + this.#slewRate * Math.min(Math.max(now - this.#slewFrom, 0), this.#slewFor);
  }

  /** Reads until the anchor is known well enough: once if it is. */
  #measure(atMost: number): void {
    let last = this.#read();
    let readings = atMost * READINGS;
    for (let ticks = 0; this.#high - this.#low > PRECISION_MS && ticks < atMost && readings > 0; readings--) {
      const wall = this.#read();
      if (wall !== last) ticks++;
      last = wall;
    }
  }

  /** Narrows the bounds. If that contradicts them, the wall was set and this reading alone holds. */
  #read(): number {
    const before = this.#monotonic();
    const wall = this.#wall();
    const after = this.#monotonic();
    const low = wall - after;
    const high = wall + 1 - before;
    const isContradiction = low > this.#high + TOLERANCE_MS || high < this.#low - TOLERANCE_MS;
    this.#low = isContradiction ? low : Math.max(this.#low, low);
    this.#high = isContradiction ? high : Math.min(this.#high, high);
    return wall;
  }
}
