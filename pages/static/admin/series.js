/** What was measured in the last while. */

export const WINDOW_MS = 120_000;

/** Values over time, oldest first; what is older than the window is forgotten. */
export class Series {
  /** @type {{ ms: number, value: number }[]} */
  points = [];

  push(ms, value) {
    this.points.push({ ms, value });
    const firstKept = this.points.findIndex((point) => point.ms >= ms - WINDOW_MS);
    this.points.splice(0, firstKept);
  }

  /** The newest value; undefined before the first. */
  get latest() {
    return this.points.at(-1)?.value;
  }

  get greatest() {
    return this.points.reduce((greatest, { value }) => Math.max(greatest, value), 0);
  }
}

/** Turns a counter's readings into its growth per second. */
export class Rate {
  #last = null;

  /** @returns {number | null} null: this was the first reading, or the counter started again */
  perSecond(ms, count) {
    const last = this.#last;
    this.#last = { ms, count };
    if (last === null || count < last.count || ms <= last.ms) return null;
    return ((count - last.count) * 1000) / (ms - last.ms);
  }
}
