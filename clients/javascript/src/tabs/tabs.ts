/**
 * How the tabs of one browser tell each other what happens, and which of them leads: only that one connects and stores.
 */

/** Joins this tab's client to those of the other tabs. `Message`: what they tell each other. */
export interface Tabs<Message> {
  /** Whether the tab that leads can tell the others what happens. */
  readonly canTell: boolean;

  /** Tell the other tabs; this one is not told. */
  tell(message: Message): void;

  /** Ask to lead, from now on. `onGranted` runs when this tab leads; `onLost` when another tab has taken the lead. */
  lead(onGranted: () => void, onLost: () => void): void;

  /** Lead at once: the tab that leads does not answer, as one asleep in the background. */
  takeLead(onGranted: () => void, onLost: () => void): void;

  /** Leave: another tab may lead. */
  close(): void;
}

/** For a client that shares nothing with other tabs. */
export class NoOtherTabs implements Tabs<unknown> {
  readonly canTell = true;

  tell(): void {
    // There is nobody to tell.
  }

  lead(onGranted: () => void): void {
    onGranted();
  }

  takeLead(): void {
    // It leads from the start.
  }

  close(): void {
    // There is nothing to leave.
  }
}

/**
 * The tabs of one origin that use the same `name`. Without Web Locks (pages without TLS) the youngest tab leads. Without a
 * BroadcastChannel (Safari before 15.4) no tab hears of another, and the tab that the user works in leads.
 */
export class BrowserTabs<Message> implements Tabs<Message> {
  readonly #name: string;
  readonly #channel: BroadcastChannel | null;
  readonly #locks: LockManager | undefined;
  #hasLed = false;
  /** Ends the latest request for the lock, and the lock itself. */
  #giveUp: AbortController | null = null;

  constructor(name: string, onMessage: (message: Message) => void) {
    this.#name = name;
    this.#channel = channelOf(name);
    if (this.#channel === null) return;
    this.#locks = globalThis.navigator?.locks;
    this.#channel.onmessage = (event: MessageEvent<Message>) => onMessage(event.data);
  }

  get canTell(): boolean {
    return this.#channel !== null;
  }

  tell(message: Message): void {
    this.#channel?.postMessage(message);
  }

  lead(onGranted: () => void, onLost: () => void): void {
    if (this.#locks === undefined) {
      if (!this.#hasLed) onGranted(); // once lost, only takeLead gets it back: two tabs would alternate for ever
      this.#hasLed = true;
    } else {
      this.#request(false, onGranted, onLost);
    }
  }

  takeLead(onGranted: () => void, onLost: () => void): void {
    if (this.#channel === null) {
      if (globalThis.document?.hasFocus() !== false) onGranted(); // no leader ever answers here: two tabs would alternate for ever
    } else if (this.#locks === undefined) onGranted();
    else this.#request(true, onGranted, onLost);
  }

  close(): void {
    this.#giveUp?.abort();
    this.#channel?.close();
  }

  #request(steal: boolean, onGranted: () => void, onLost: () => void): void {
    this.#giveUp?.abort();
    this.#giveUp = new AbortController();
    const { signal } = this.#giveUp;
    let isGranted = false;
    const untilGivenUp = (): Promise<void> =>
      new Promise((resolve) => {
        isGranted = true;
        signal.addEventListener("abort", () => resolve());
        if (signal.aborted) resolve();
        else onGranted();
      });
    // A lock can either be stolen, or be waited for until a signal comes.
    this.#locks?.request(this.#name, steal ? { steal } : { signal }, untilGivenUp).catch(() => {
      if (signal.aborted) return;
      if (isGranted) onLost();
      else onGranted(); // the page may not use locks: so there is nobody to share with
    });
  }
}

/** Null: there is none, or it is forbidden, as in Firefox if the user lets the site keep nothing. */
function channelOf(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}
