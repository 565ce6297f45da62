/** Runs what is asked for one after the other, in order. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** What `act` answers; it runs when all before has ended, however. */
  run<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#last.then(act);
    this.#last = result.catch(() => undefined); // told to who asked for it
    return result;
  }
}
