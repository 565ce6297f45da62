/**
 * What the service and a client tell each other, and JSON both ways.
 *
 * Shapes: docs/protocol.md; what a client does not need is left out.
 */

import type { Carried } from "./carried.js";
import type { Timestamp } from "./hlc.js";

export type Action = "add" | "remove";

/** Of which collection a message is. */
export type OfCollection<Kind extends string> =
  | { readonly type: `watchlist_${Kind}` }
  | { readonly type: `list_${Kind}`; readonly list: string };

export interface Update extends Carried {
  readonly content_id: string;
  readonly action: Action;
  readonly revision?: number;
  readonly timestamp?: Timestamp;
  readonly device_id?: string;
}

export interface Resumed {
  readonly recovered: boolean;
  readonly revision: number;
  readonly epoch: string;
  readonly reason?: string;
  /** Missing: it is the watchlist. */
  readonly list?: string;
}

export interface Snapshot {
  readonly revision: number;
  readonly epoch: string;
  readonly items: readonly SnapshotItem[];
}

/** A part of such a list: the first one has `start`, the last one no `next`. */
export interface Piece extends Snapshot {
  readonly start?: boolean;
  /** Names, to the service, what comes after this part. */
  readonly next?: string;
}

export type ServerMessage =
  | (OfCollection<"update"> & Update)
  | ({ readonly type: "resumed" } & Resumed)
  | (OfCollection<"snapshot"> & Snapshot)
  | (OfCollection<"snapshot_piece"> & Piece)
  | {
      readonly type: "ack";
      readonly id?: string | number;
      readonly status: Status;
      readonly revision?: number;
      readonly timestamp?: Timestamp;
    }
  | {
      readonly type: "error";
      readonly id?: string | number;
      readonly code: string;
      readonly field?: string;
      readonly message?: string;
      readonly retry_after_ms?: number;
    }
  | { readonly type: "goodbye"; readonly reconnect_in_ms: number }
  | {
      readonly type: "progress_update";
      readonly content_id: string;
      readonly position: number;
      readonly duration: number;
    }
  | { readonly type: "device_command"; readonly command: string; readonly target_device?: string }
  | { readonly type: "pong" }
  | { readonly type: "authenticated" };

export type Message<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

export interface SnapshotItem extends Carried {
  readonly content_id: string;
  readonly timestamp?: Timestamp;
  readonly device_id?: string;
}

/** What became of a write; `not_found`: a remove of what was not in the list. */
export type Status = "added" | "existing" | "removed" | "not_found";

export type Write = OfCollection<"update"> &
  Carried & {
    readonly id: string;
    readonly operation: Action;
    readonly content_id: string;
    readonly operation_id: string;
    readonly tag?: string;
    readonly observed: number;
    readonly timestamp?: Timestamp;
  };

export type ClientMessage =
  | Write
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "ping" };

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isWhole: Check = Number.isInteger;
const isName: Check = (value) => isText(value) || isWhole(value);
const isAction: Check = (value) => value === "add" || value === "remove";

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function arrayOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** Fields that are not named may be anything. */
function shape(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    checks.every(([name, check]) => check((value as Readonly<Record<string, unknown>>)[name]));
}

const isTimestamp = shape({ physical: isWhole, logical: isWhole, node: isText });
const isObject: Check = (value) => shape({})(value) && !Array.isArray(value);
const item = {
  content_id: isText,
  timestamp: optional(isTimestamp),
  device_id: optional(isText),
  data: optional(isObject),
  position: optional(isText),
};
const update = { ...item, action: isAction, revision: optional(isWhole) };
const snapshot = { revision: isWhole, epoch: isText, items: arrayOf(shape(item)) };
const piece = { ...snapshot, start: optional(isFlag), next: optional(isText) };
const ofList = { list: isText };
const answer = { id: optional(isName) };

/** By type, what a message must be like. */
const SHAPES: ReadonlyMap<unknown, Check> = new Map<ServerMessage["type"], Check>([
  ["watchlist_update", shape(update)],
  ["list_update", shape({ ...update, ...ofList })],
  [
    "resumed",
    shape({ recovered: isFlag, revision: isWhole, epoch: isText, reason: optional(isText), list: optional(isText) }),
  ],
  ["watchlist_snapshot", shape(snapshot)],
  ["list_snapshot", shape({ ...snapshot, ...ofList })],
  ["watchlist_snapshot_piece", shape(piece)],
  ["list_snapshot_piece", shape({ ...piece, ...ofList })],
  ["ack", shape({ ...answer, status: isText, revision: optional(isWhole), timestamp: optional(isTimestamp) })],
  [
    "error",
    shape({
      ...answer,
      code: isText,
      field: optional(isText),
      message: optional(isText),
      retry_after_ms: optional(isWhole),
    }),
  ],
  ["goodbye", shape({ reconnect_in_ms: isWhole })],
  ["progress_update", shape({ content_id: isText, position: isWhole, duration: isWhole })],
  ["device_command", shape({ command: isText, target_device: optional(isText) })],
  ["pong", shape({})],
  ["authenticated", shape({})],
]);

/** What the service says; null if that is no message that we know. */
export function decode(data: unknown): ServerMessage | null {
  try {
    return recognized(JSON.parse(String(data)));
  } catch {
    return null;
  }
}

/** `value`, if it is a message that we know. */
export function recognized(value: unknown): ServerMessage | null {
  const message = value as ServerMessage | null;
  return SHAPES.get(message?.type)?.(message) ? message : null;
}

/** The text to send. */
export function encode(message: ClientMessage): string {
  return JSON.stringify(message);
}
