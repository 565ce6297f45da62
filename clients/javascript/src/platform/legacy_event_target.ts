/** An `EventTarget`, also where the platform has none (React Native) or none to inherit from (Chromium before 64). */

import type { Dispatcher } from "./event_target.js";
import type { ListenerOptions } from "./platform.js";

interface AnyEvent {
  readonly type: string;
}

type Listener = ((event: AnyEvent) => void) | { handleEvent(event: AnyEvent): void };

/** The part of an `EventTarget` that makes sense without a tree of targets. */
export class SmallEventTarget implements Dispatcher {
  readonly #listeners = new Map<string, Map<Listener, boolean>>();

  addEventListener(type: string, listener: Listener | null, options?: boolean | ListenerOptions): void {
    const { once = false, signal } = typeof options === "object" ? options : {};
    if (listener === null || signal?.aborted) return;
    const listeners = this.#listeners.get(type) ?? new Map<Listener, boolean>();
    this.#listeners.set(type, listeners);
    if (listeners.has(listener)) return;
    listeners.set(listener, once);
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener));
  }

  removeEventListener(type: string, listener: Listener | null): void {
    if (listener !== null) this.#listeners.get(type)?.delete(listener);
  }

  /** Call the listeners that there are now, in order; an error of one is reported as uncaught. */
  dispatchEvent(event: AnyEvent): boolean {
    const listeners = this.#listeners.get(event.type);
    for (const [listener, once] of Array.from(listeners ?? [])) {
      if (!listeners?.has(listener)) continue; // removed by an earlier listener
      if (once) listeners.delete(listener);
      try {
        if (typeof listener === "function") listener.call(this, event);
        else listener.handleEvent(event);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
    return true;
  }
}

const hasEventTarget = isConstructible(() => new EventTarget());
const hasEvent = isConstructible(() => new Event("updated"));

/** The platform's `EventTarget` if it can be inherited from. */
export const PlatformEventTarget: new () => Dispatcher =
  hasEventTarget && hasEvent ? globalThis.EventTarget : SmallEventTarget;

/** An event for a `PlatformEventTarget`, with `fields` on it. */
export function newEvent(type: string, fields: object): AnyEvent {
  const event = PlatformEventTarget === SmallEventTarget ? { type } : new Event(type);
  return Object.assign(event, fields);
}

function isConstructible(construct: () => unknown): boolean {
  try {
    construct();
    return true;
  } catch {
    return false;
  }
}
