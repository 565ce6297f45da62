/** The part of Web Locks that tabs use: Node 20 has none. Source: https://www.w3.org/TR/web-locks/#algorithm-request-lock. */

interface LockOptions {
  readonly steal?: boolean;
  readonly signal?: AbortSignal;
}

/** The locks of one origin. */
export class LocksByHand {
  readonly #locks = new Map<string, LockByHand>();

  isHeld(name: string): boolean {
    return this.#of(name).isHeld;
  }

  request(name: string, options: LockOptions, callback: () => Promise<void>): Promise<void> {
    return this.#of(name).request(options, callback);
  }

  #of(name: string): LockByHand {
    const lock = this.#locks.get(name) ?? new LockByHand();
    this.#locks.set(name, lock);
    return lock;
  }
}

/** A holder keeps the lock until the promise of its callback is fulfilled, or another one steals the lock. */
class LockByHand {
  readonly #waiting: (() => void)[] = [];
  #lose: (() => void) | null = null;

  get isHeld(): boolean {
    return this.#lose !== null;
  }

  request({ steal = false, signal }: LockOptions, callback: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const lose = (): void => reject(new DOMException("stolen or given up", "AbortError"));
      const hold = (): void => {
        this.#lose = lose;
        const release = (): void => {
          resolve();
          if (this.#lose === lose) this.#pass();
        };
        void callback().then(release);
      };
      signal?.addEventListener("abort", () => {
        const place = this.#waiting.indexOf(hold);
        if (place < 0) return;
        this.#waiting.splice(place, 1);
        lose();
      });
      this.#waiting[steal ? "unshift" : "push"](hold);
      // A request is never granted before its call has returned.
      queueMicrotask(() => {
        if (steal) this.#lose?.();
        if (steal || !this.isHeld) this.#pass();
      });
    });
  }

  #pass(): void {
    this.#lose = null;
    this.#waiting.shift()?.();
  }
}
