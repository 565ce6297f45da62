/** What a core wants done; the shell does it, in order. */

import type { ClientMessage } from "../data/messages.js";
import type { Change } from "../data/user_state.js";
import type { SyncEvent } from "./events.js";

/** The timers of a connection, one of each. */
export const TIMERS = ["reconnect", "stable", "renew", "retry", "silence", "token", "probe", "follow"] as const;
/** `report` is no connection's: it goes on when one ends. */
export type Timer = (typeof TIMERS)[number] | "report";

/** A way to the service; `stream`: server-sent events; `polling`: the same, in answers that end soon. */
export type Transport = "websocket" | "stream" | "polling";

export type Output =
  | { readonly type: "ask_token" }
  /**
   * `target`: path and query, to be put behind the service's address. By polling it comes again after each `polled`,
   * while the connection goes on.
   */
  | { readonly type: "open"; readonly transport: Transport; readonly target: string; readonly token: string }
  /** See whether a WebSocket to `target` can be had, beside the connection. It is closed once open; `close` ends it, too. */
  | { readonly type: "probe"; readonly target: string; readonly token: string }
  | { readonly type: "send"; readonly message: ClientMessage }
  /** End the connection or the attempt, with code 1000. Nothing more of it may reach the core. */
  | { readonly type: "close" }
  /** Put `due` into the core in `afterMs`, instead of whenever it was started for before. */
  | { readonly type: "start_timer"; readonly timer: Timer; readonly afterMs: number }
  | { readonly type: "stop_timer"; readonly timer: Timer }
  /** Store this, all or nothing, before a later output is carried out. */
  | { readonly type: "save"; readonly userId: string; readonly changes: readonly Change[] }
  | { readonly type: "emit"; readonly event: SyncEvent };
