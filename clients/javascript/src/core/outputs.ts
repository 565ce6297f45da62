/** What a core wants done; the shell does it, in order. */

import type { ClientMessage } from "../data/messages.js";
import type { Change } from "../data/user_state.js";
import type { SyncEvent } from "./events.js";

/** The timers that belong to a connection or an attempt, one of each. */
export const TIMERS = ["reconnect", "stable", "renew", "retry", "silence", "token", "probe", "follow"] as const;
/** `report` goes on when a connection ends. */
export type Timer = (typeof TIMERS)[number] | "report";

/** How a client is connected; `stream`: server-sent events; `polling`: the same, in answers that end soon. */
export type Transport = "websocket" | "stream" | "polling";

export type Output =
  | { readonly type: "ask_token" }
  /**
   * `target`: path and query, to be put behind the service's address. When polling, it comes again after each `polled`,
   * while the connection goes on.
   */
  | { readonly type: "open"; readonly transport: Transport; readonly target: string; readonly token: string }
  /**
   * Probe, beside the connection, whether a WebSocket to `target` opens; it is closed at once. `close` ends it, too.
   */
  | { readonly type: "probe"; readonly target: string; readonly token: string }
  | { readonly type: "send"; readonly message: ClientMessage }
  /** End the connection or the attempt, with code 1000. Nothing more of it may reach the core. */
  | { readonly type: "close" }
  /** Report `due` to the core in `afterMs`, whatever the timer was set to before. */
  | { readonly type: "start_timer"; readonly timer: Timer; readonly afterMs: number }
  | { readonly type: "stop_timer"; readonly timer: Timer }
  /** Store this, all or nothing, before a later output is carried out. */
  | { readonly type: "save"; readonly userId: string; readonly changes: readonly Change[] }
  | { readonly type: "emit"; readonly event: SyncEvent };
