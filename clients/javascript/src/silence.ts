/** Whether a connection still lives: networks lose them without a word. */

/** `ask`: ask the other side for a sign of life; `lost`: it was asked, and gave none. */
export type Verdict = "fine" | "ask" | "lost";

/** Watches one connection. */
export class Silence {
  #hasHeard = false;
  #hasAsked = false;

  /** A message came. */
  heard(): void {
    this.#hasHeard = true;
  }

  /** What the interval that ends now has shown; the next one begins. */
  check(): Verdict {
    if (this.#hasAsked && !this.#hasHeard) return "lost";
    this.#hasAsked = !this.#hasHeard;
    this.#hasHeard = false;
    return this.#hasAsked ? "ask" : "fine";
  }
}
