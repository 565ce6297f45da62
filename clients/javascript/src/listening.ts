/** The types of a client's listeners. */

import type { SyncEvents } from "./core/events.js";
import type { ListenerOptions } from "./platform/platform.js";

/** An event of a client: `type` says which; its other fields are as in `SyncEvents`. */
export type ClientEvent<T extends keyof SyncEvents> = { readonly type: T } & SyncEvents[T];

type Listener<Event> = ((event: Event) => void) | { handleEvent(event: Event): void };

/** What has listeners for the events of `SyncEvents`. */
export interface Listening {
  addEventListener<T extends keyof SyncEvents>(
    type: T,
    listener: Listener<ClientEvent<T>> | null,
    options?: boolean | ListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener<never> | null, options?: boolean | ListenerOptions): void;
  removeEventListener<T extends keyof SyncEvents>(
    type: T,
    listener: Listener<ClientEvent<T>> | null,
    options?: boolean,
  ): void;
  removeEventListener(type: string, listener: Listener<never> | null, options?: boolean): void;
}
