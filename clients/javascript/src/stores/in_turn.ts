/** Runs functions one after the other, in order. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** The result of `act`, which runs when all before it have ended, even by failing. */
  run<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#last.then(act);
    this.#last = result.catch(() => undefined); // its own caller handles it
    return result;
  }
}
