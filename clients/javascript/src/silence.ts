/** Whether a connection still lives: networks lose them without a word. */

export class Silence {
  #wasHeard = false;
  #wasAsked = false;

  /** A message came. */
  heard(): void {
    this.#wasHeard = true;
  }

  /** Once an interval: `ask` the other side for a sign of life, or give the connection up for `lost`. */
  check(): "fine" | "ask" | "lost" {
    if (!this.#wasHeard && this.#wasAsked) return "lost";
    this.#wasAsked = !this.#wasHeard;
    this.#wasHeard = false;
    return this.#wasAsked ? "ask" : "fine";
  }
}
