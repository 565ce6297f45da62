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
  /** `state` is another. */
  state: { readonly state: State };
  /** Where list and queue are kept is another: the store has failed, or works again. */
  storage: { readonly storage: Storage; readonly reason: string };
  /** A write of this device was answered; without `revision` nothing had to change. */
  confirmed: WriteName & { readonly status: Status; readonly revision: number | null };
  /** The service does not accept a write (`quota_exceeded`: the list is full); its effect is undone. */
  refused: WriteName & { readonly code: string; readonly message: string };
  /** A connection or attempt ended; without `retry_in_ms` it is for the app to connect again. */
  disconnected: {
    readonly code: number | null;
    readonly retry_in_ms: number | null;
    readonly reason: string;
  };
  signed_out: { readonly user_id: string; readonly erased: boolean };
  /** Another device's playback position; seconds. */
  progress: { readonly content_id: string; readonly position: number; readonly duration: number };
  /** Another device wants this one to do something; what it has not said is null. */
  command: {
    readonly command: string;
    readonly target_device: string | null;
    readonly payload: unknown;
    readonly from_device_id: string | null;
    readonly position_seconds: number | null;
  };
}

/** Without `list` and `collection`: of the watchlist. */
interface OfCollection {
  readonly list?: string;
  readonly collection?: Registers;
}

interface WriteName extends OfCollection {
  readonly operation_id: string;
  readonly operation: WriteAction;
  /** Of a device it is missing. */
  readonly content_id: string;
  /** Of a device alone. */
  readonly device_id?: string;
}

export type SyncEvent = { [T in keyof SyncEvents]: { readonly type: T } & SyncEvents[T] }[keyof SyncEvents];
