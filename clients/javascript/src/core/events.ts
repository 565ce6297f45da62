/** What an app is told. */

import type { Registers } from "../data/keys.js";
import type { Status, WriteAction } from "../data/messages.js";
import type { Storage } from "../data/user_state.js";
import type { State } from "./state.js";

/** By type, what each event tells. */
export interface SyncEvents {
  /** The socket opened. */
  connected: object;
  /** A collection is up to date; not `recovered`: it came whole, and `reason` says why. */
  resumed: OfCollection & { readonly recovered: boolean; readonly reason: string | null };
  /** A list or its queue changed; once for what changes together. */
  updated: object;
  /** The client's `state` changed; comes before the events that tell why. */
  state: { readonly state: State };
  /** List and queue are kept elsewhere from here on: the store has failed, or works again. */
  storage: { readonly storage: Storage; readonly reason: string };
  /** The service answered a write of this device; `revision` null: nothing had to change. */
  confirmed: WriteName & { readonly status: Status; readonly revision: number | null };
  /** The service does not accept a write (`quota_exceeded`: the list is full); its effect is undone. */
  refused: WriteName & { readonly code: string; readonly message: string };
  /** A connection or attempt ended; `retry_in_ms` null: the client stays offline until the app connects. */
  disconnected: {
    readonly code: number | null;
    readonly retry_in_ms: number | null;
    readonly reason: string;
  };
  signed_out: { readonly user_id: string; readonly erased: boolean };
  /** A playback position on another device, in seconds; the service does not keep it. */
  progress: { readonly content_id: string; readonly position: number; readonly duration: number };
  /** Another device wants this one to do something; what it left out is null. */
  command: {
    readonly command: string;
    readonly target_device: string | null;
    readonly payload: unknown;
    readonly from_device_id: string | null;
    readonly position_seconds: number | null;
  };
}

/** Which collection; without `list` and `collection`: the watchlist. */
interface OfCollection {
  readonly list?: string;
  readonly collection?: Registers;
}

interface WriteName extends OfCollection {
  readonly operation_id: string;
  readonly operation: WriteAction;
  /** Missing in a write of a device. */
  readonly content_id: string;
  /** In a write of a device only. */
  readonly device_id?: string;
}

export type SyncEvent = { [T in keyof SyncEvents]: { readonly type: T } & SyncEvents[T] }[keyof SyncEvents];
