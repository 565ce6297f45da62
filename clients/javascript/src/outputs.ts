/** What a core is given and puts out, and the events an app is told. */

import type { Action, DeviceMessage, Status } from "./messages.js";
import type { Change } from "./user_state.js";

/** What a core takes from outside. */
export interface Surroundings {
  /** The wall clock, ms since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** A name that no other installation has: 64 random bits or more. */
  readonly newReplica: () => string;
}

/** A token, and what is known of it: whose it is, and when it ends (seconds since 1970). */
export interface Token {
  readonly value: string;
  readonly sub?: string;
  readonly exp?: number;
}

/**
 * `signed_out`: nobody's list; `stopped`: offline until the app connects; `waiting`: offline until a timer is due;
 * `token`: the app is asked for one; `opening`: the socket is on its way; `resuming`: what was missed has not come in
 * whole; `live`: up to date.
 */
export type State = "signed_out" | "stopped" | "waiting" | "token" | "opening" | "resuming" | "live";

export type Timer = "reconnect" | "stable" | "renew" | "retry" | "silence";

export type Output =
  | { readonly type: "ask_token" }
  /** `url`: path and query, to be put behind the service's address. */
  | { readonly type: "open"; readonly url: string; readonly token: string }
  | { readonly type: "send"; readonly message: DeviceMessage }
  /** End the connection or the attempt, with code 1000. Nothing more of it may reach the core. */
  | { readonly type: "close" }
  | { readonly type: "start_timer"; readonly name: Timer; readonly ms: number }
  | { readonly type: "stop_timer"; readonly name: Timer }
  /** Store this, all or nothing, before a later output is carried out. */
  | { readonly type: "save"; readonly user: string; readonly changes: readonly Change[] }
  | { readonly type: "emit"; readonly event: SyncEvent };

/** By type, what each event tells. */
export interface SyncEvents {
  /** The socket opened. */
  connected: object;
  /** The list is up to date; not `recovered`: it came whole, and `reason` says why. */
  resumed: { readonly recovered: boolean; readonly reason: string | null };
  /** The list or the queue changed. */
  updated: object;
  /** A write of this device was answered; without `revision` nothing had to change. */
  confirmed: Write & { readonly status: Status; readonly revision: number | null };
  /** A write of this device can never succeed; its effect is undone. */
  refused: Write & { readonly code: string; readonly message: string };
  /** A connection or attempt ended; without `retry_in_ms` it is for the app to connect again. */
  disconnected: {
    readonly code: number | null;
    readonly retry_in_ms: number | null;
    readonly reason: string;
  };
  signed_out: { readonly user_id: string; readonly erased: boolean };
  /** Another device's playback position; seconds. */
  progress: { readonly content_id: string; readonly position: number; readonly duration: number };
  command: { readonly command: string; readonly target_device: string | null };
}

interface Write {
  readonly operation_id: string;
  readonly operation: Action;
  readonly content_id: string;
}

export type SyncEvent = { [T in keyof SyncEvents]: { readonly type: T } & SyncEvents[T] }[keyof SyncEvents];
