/**
 * The messages of both sides about registers. To the rest of the client a collection of registers is a list of that
 * name, whose items carry what is known as `data`.
 *
 * Shapes: docs/protocol.md; what a client does not need is left out.
 */

import { contentIn, LISTS, named, prefixIn } from "./keys.js";
import {
  arrayOf,
  type Check,
  isFlag,
  isObject,
  isText,
  isTimestamp,
  isWhole,
  type Members,
  optional,
  type RegisterWrite,
  type ServerMessage,
  shape,
} from "./messages.js";
import type { PendingWrite } from "./stored.js";

/** Whether a device is connected, and when it last came or went. */
export interface Hint {
  readonly is_online: boolean;
  readonly last_seen: string;
}

const DEVICE_MEMBERS = ["device_name", "device_type", "platform", "capabilities"];

const isNumber: Check = (value) => typeof value === "number";
const isAction: Check = (value) => value === "update" || value === "remove";
const stamped = { timestamp: optional(isTimestamp) };
const progress = {
  ...stamped,
  content_id: isText,
  position: isNumber,
  duration: isNumber,
  state: optional(isText),
  watched: optional(isFlag),
  device_id: optional(isText),
};
const device = {
  ...stamped,
  device_id: isText,
  device_name: optional(isText),
  device_type: optional(isText),
  platform: optional(isText),
  capabilities: optional(isObject),
};
const action = { action: optional(isAction), revision: optional(isWhole) };
const snapshotOf = (item: Readonly<Record<string, Check>>) => ({
  revision: isWhole,
  epoch: isText,
  items: arrayOf(shape(item)),
});
const piece = { start: optional(isFlag), next: optional(isText) };

/** The catalogue has no revisions, and is not stored. */
const NOTHING_TO_COUNT = { epoch: null as unknown as string };

const SHAPES: Readonly<Record<string, Check>> = {
  progress_update: shape({ ...progress, ...action }),
  progress_snapshot: shape(snapshotOf(progress)),
  progress_snapshot_piece: shape({ ...snapshotOf(progress), ...piece }),
  device_update: shape({ ...device, ...action, is_online: optional(isFlag), last_seen: optional(isText) }),
  devices_snapshot: shape(snapshotOf(device)),
  devices_snapshot_piece: shape({ ...snapshotOf(device), ...piece }),
  lists: shape({ lists: arrayOf(shape({ list: isText, name: isText })) }),
};

/** A list beside the watchlist: its id, and the `name` that people are shown. */
export interface ListName {
  readonly list: string;
  readonly name: string;
}

/** A message about registers as one about a list; others as they are; null: it is malformed. */
export function asOfList(message: ServerMessage): ServerMessage | null {
  if (message.type === "resumed" && message.collection !== undefined) {
    const list = `:${message.collection}`;
    return { ...message, list, ...(list === LISTS && NOTHING_TO_COUNT) };
  }
  const isRight = SHAPES[message.type];
  if (isRight === undefined) return message;
  if (!isRight(message)) return null;
  const fields = message as unknown as Members & { readonly type: string };
  if (fields["revision"] === undefined) return message;
  const { type } = fields;
  const [list, of] = type.startsWith("progress") ? [":progress", progressItem] : [":devices", deviceItem];
  const asOf = type.endsWith("_update")
    ? { type: "list_update", ...of(fields), action: fields["action"] === "remove" ? "remove" : "add" }
    : { type: `list_${type.replace(/^[a-z]+_/u, "")}`, items: (fields["items"] as Members[]).map(of) };
  return { ...pick(fields, "revision", "epoch", "start", "next"), ...asOf, list } as unknown as ServerMessage;
}

function progressItem(fields: Members): object {
  const { content_id, position, duration, state = "playing" } = fields;
  const data = {
    position_seconds: position,
    state,
    ...(duration !== 0 && { duration_seconds: duration }),
    ...pick(fields, "watched"),
  };
  return { content_id, data, ...pick(fields, "timestamp", "device_id") };
}

function deviceItem(fields: Members): object {
  const data = pick(fields, ...DEVICE_MEMBERS);
  return { content_id: fields["device_id"], data, ...pick(fields, "timestamp") };
}

/** Those of the named fields that are there. */
function pick(fields: Members, ...names: string[]): Members {
  const picked: Record<string, unknown> = {};
  for (const name of names) if (fields[name] !== undefined) picked[name] = fields[name];
  return picked;
}

/** The message that asks for `write`, of a register: the same, however often it is sent. */
export function asMessage(write: PendingWrite): RegisterWrite {
  const { operation_id, operation, content_id, data, timestamp, isUnstamped } = write;
  const isDevice = named(prefixIn(content_id)).collection === "devices";
  return {
    ...data,
    type: isDevice ? "device_update" : "progress_update",
    id: operation_id,
    operation,
    [isDevice ? "device_id" : "content_id"]: contentIn(content_id),
    ...(isUnstamped ? { operation_id } : { timestamp }),
  };
}
