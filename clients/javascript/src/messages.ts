/** What the service and a device tell each other (docs/protocol.md), as far as a client looks at it. */

import type { Stamp } from "./clock.js";

export type Action = "add" | "remove";

export type ServerMessage =
  | {
      readonly type: "watchlist_update";
      readonly content_id: string;
      readonly action: Action;
      readonly revision?: number;
      readonly timestamp?: Stamp;
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
      readonly type: "ack";
      readonly id?: string;
      readonly status: Status;
      readonly revision?: number;
      readonly timestamp?: Stamp;
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
  readonly timestamp: Stamp;
  readonly device_id: string;
}

/** What became of a write; `not_found`: a remove of what was not in the list. */
export type Status = "added" | "existing" | "removed" | "not_found";

export type DeviceMessage =
  | {
      readonly type: "watchlist_update";
      readonly id: string;
      readonly operation: Action;
      readonly content_id: string;
      readonly operation_id: string;
      readonly tag?: string;
      readonly observed: number;
      readonly timestamp?: Stamp;
    }
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "ping" };

/** Whether the same attempt would end the same way: it is for the app, or a person, to change something first. */
export function isLasting(code: number): boolean {
  return LASTING.has(code) || (code > TOKEN_ENDED && code <= 4999);
}

export const TOKEN_ENDED = 4500;
const LASTING: ReadonlySet<number> = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010]);

/** The same, for the HTTP status with which an upgrade was refused. */
export const LASTING_STATUS: ReadonlySet<number | undefined> = new Set([400, 403, 404, 426]);
