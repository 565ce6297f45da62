/**
 * What the service and a client tell each other, and JSON both ways.
 *
 * Shapes: docs/protocol.md; what a client does not need is left out.
 */

import type { Timestamp } from "./hlc.js";

export type Action = "add" | "remove";

export type ServerMessage =
  | {
      readonly type: "watchlist_update";
      readonly content_id: string;
      readonly action: Action;
      readonly revision?: number;
      readonly timestamp?: Timestamp;
      readonly device_id?: string;
    }
  | {
      readonly type: "resumed";
      readonly recovered: boolean;
      readonly revision: number;
      readonly epoch: string;
      readonly reason?: string;
    }
  | {
      readonly type: "watchlist_snapshot";
      readonly revision: number;
      readonly epoch: string;
      readonly items: readonly SnapshotItem[];
    }
  | {
      /** A part of such a list: the first one has `start`, the last one no `next`. */
      readonly type: "watchlist_snapshot_piece";
      readonly revision: number;
      readonly epoch: string;
      readonly items: readonly SnapshotItem[];
      readonly start?: boolean;
      /** Names, to the service, what comes after this part. */
      readonly next?: string;
    }
  | {
      readonly type: "ack";
      readonly id?: string;
      readonly status: Status;
      readonly revision?: number;
      readonly timestamp?: Timestamp;
    }
  | {
      readonly type: "error";
      readonly id?: string;
      readonly code: string;
      readonly field?: string;
      readonly message: string;
      readonly retry_after_ms?: number;
    }
  | { readonly type: "goodbye"; readonly reconnect_in_ms: number }
  | {
      readonly type: "progress_update";
      readonly content_id: string;
      readonly position: number;
      readonly duration: number;
    }
  | { readonly type: "device_command"; readonly command: string; readonly target_device?: string };

export type Message<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

export interface SnapshotItem {
  readonly content_id: string;
  readonly timestamp?: Timestamp;
  readonly device_id?: string;
}

/** What became of a write; `not_found`: a remove of what was not in the list. */
export type Status = "added" | "existing" | "removed" | "not_found";

export type ClientMessage =
  | {
      readonly type: "watchlist_update";
      readonly id: string;
      readonly operation: Action;
      readonly content_id: string;
      readonly operation_id: string;
      readonly tag?: string;
      readonly observed: number;
      readonly timestamp?: Timestamp;
    }
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "ping" };

/** What the service says; null if that is no message at all. */
export function decode(data: unknown): ServerMessage | null {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof message === "object" && message !== null && "type" in message ? (message as ServerMessage) : null;
  } catch {
    return null;
  }
}

/** The text to send. */
export function encode(message: ClientMessage): string {
  return JSON.stringify(message);
}
