/**
 * The messages of both sides, as JSON.
 *
 * Shapes: docs/protocol.md; what a client does not need is left out.
 */

import type { Timestamp } from "./hlc.js";
import type { Carried } from "./item_fields.js";

export type Action = "add" | "remove";

/** What a write does; `update`: to a register. */
export type WriteAction = Action | "update";

/** What an app asks for; `report`: an update of progress that may wait some seconds for the next one. */
export type CalledAction = WriteAction | "report";

/** What is known of a register, or said of it, by the names that writes use. */
export type Members = Readonly<Record<string, unknown>>;

/** Which collection a message is about. */
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
  /** Missing, like `collection`: it is the watchlist. */
  readonly list?: string;
  readonly collection?: string;
}

export interface Snapshot {
  readonly revision: number;
  readonly epoch: string;
  readonly items: readonly SnapshotItem[];
}

/** A part of a snapshot: the first one has `start`, the last one no `next`. */
export interface Piece extends Snapshot {
  readonly start?: boolean;
  /** The cursor by which the service is asked for the next part. */
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
      /** Missing: it is not kept, only passed on from a device that is playing. */
      readonly revision?: unknown;
    }
  /** The other messages about registers: register_messages.ts reads them. */
  | { readonly type: OfRegisters }
  | {
      readonly type: "device_command";
      readonly command: string;
      readonly target_device?: string;
      readonly payload?: unknown;
      readonly from_device_id?: string;
      readonly position_seconds?: number;
    }
  | { readonly type: "pong" }
  | { readonly type: "authenticated" };

export type Message<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

export interface SnapshotItem extends Carried {
  readonly content_id: string;
  readonly timestamp?: Timestamp;
  readonly device_id?: string;
}

/**
 * What became of a write; `not_found`: a remove of what was not there; `superseded`: a later update was there already.
 */
export type Status = "added" | "existing" | "removed" | "not_found" | "updated" | "superseded";

/** A write to a list; `list` undefined: the watchlist. */
export interface Write {
  readonly type: "watchlist_update" | "list_update";
  readonly list?: string | undefined;
  readonly id: string;
  readonly operation: Action;
  readonly content_id: string;
  readonly operation_id: string;
  readonly tag?: string | undefined;
  readonly observed: number;
  readonly timestamp?: Timestamp | undefined;
  readonly data?: Carried["data"] | undefined;
  readonly position?: string | undefined;
}

/** A write of a register; it has its key and the members that it sets beside these fields. */
export interface RegisterWrite {
  readonly type: "progress_update" | "device_update";
  readonly id: string;
  readonly operation: WriteAction;
  readonly [field: string]: unknown;
}

export type ClientMessage =
  | Write
  | RegisterWrite
  | { readonly type: "authenticate"; readonly token: string }
  | { readonly type: "ping" };

export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === "string";
export const isFlag: Check = (value) => typeof value === "boolean";
const isNumber: Check = (value) => typeof value === "number";
export const isWhole: Check = Number.isInteger;
const isName: Check = (value) => isText(value) || isWhole(value);
const isAction: Check = (value) => value === "add" || value === "remove";

export function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

export function arrayOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** Checks the fields of an object; fields that are not named may be anything. */
export function shape(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    checks.every(([name, check]) => check((value as Readonly<Record<string, unknown>>)[name]));
}

export const isTimestamp = shape({ physical: isWhole, logical: isWhole, node: isText });
export const isObject: Check = (value) => shape({})(value) && !Array.isArray(value);
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

type OfRegisters = `${"progress" | "devices"}_snapshot${"" | "_piece"}` | "device_update" | "lists";
const OF_REGISTERS = /^(?:(?:progress|devices)_snapshot(?:_piece)?|device_update|lists)$/u;

/** The check for each type of message. */
const SHAPES: ReadonlyMap<unknown, Check> = new Map<ServerMessage["type"], Check>([
  ["watchlist_update", shape(update)],
  ["list_update", shape({ ...update, ...ofList })],
  [
    "resumed",
    shape({
      recovered: isFlag,
      revision: isWhole,
      epoch: isText,
      reason: optional(isText),
      list: optional(isText),
      collection: optional(isText),
    }),
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
  ["progress_update", shape({ content_id: isText, position: isNumber, duration: isNumber })],
  [
    "device_command",
    shape({
      command: isText,
      target_device: optional(isText),
      from_device_id: optional(isText),
      position_seconds: optional(isNumber),
    }),
  ],
  ["pong", shape({})],
  ["authenticated", shape({})],
]);

/** A message of the service; null if it is none that we know. */
export function decode(data: unknown): ServerMessage | null {
  try {
    return recognized(JSON.parse(String(data)));
  } catch {
    return null;
  }
}

/** `value` if it is a message that we know, else null. */
export function recognized(value: unknown): ServerMessage | null {
  const message = value as ServerMessage | null;
  const isRight = SHAPES.get(message?.type)?.(message) ?? OF_REGISTERS.test(message?.type as string);
  return isRight ? message : null;
}

/** The text to send. */
export function encode(message: ClientMessage): string {
  return JSON.stringify(message);
}
