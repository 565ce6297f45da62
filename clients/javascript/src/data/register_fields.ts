/** What an app may say of registers: of how far a content was played, and of a device. */

import { checkName } from "./ids.js";
import { type Carried, checkedObject } from "./item_fields.js";
import { DEVICES, prefixIn, prefixOf } from "./keys.js";

const MAX_SECONDS = 10_000_000;

/** By member, how what is said of it becomes what is sent; throws a TypeError where it cannot. */
type Rules = Readonly<Record<string, (name: string, value: unknown) => unknown>>;

const ruled =
  (isSo: (value: unknown) => boolean, rule: string) =>
  (name: string, value: unknown): unknown => {
    if (isSo(value)) return value;
    throw new TypeError(`${name}: must be ${rule}`);
  };
const seconds = ruled(
  (value) => typeof value === "number" && value >= 0 && value <= MAX_SECONDS,
  "a number of seconds from 0 to 10,000,000",
);
const OF_PROGRESS: Rules = {
  position_seconds: seconds,
  duration_seconds: seconds,
  state: ruled((value) => /^(?:playing|paused|stopped)$/u.test(String(value)), "playing, paused or stopped"),
  watched: ruled((value) => typeof value === "boolean", "true or false"),
};
const OF_DEVICES: Rules = {
  device_name: checkName,
  device_type: checkName,
  platform: checkName,
  capabilities: checkedObject,
};

/**
 * What a write of `key` says: a copy that nobody else has, without what is null or undefined. Throws a TypeError where that
 * cannot be said.
 */
export function checkedWords(operation: string, key: string, said: Carried): Carried {
  if (operation === "remove") return {};
  const isDevice = prefixIn(key) === prefixOf(DEVICES);
  const members: Readonly<Record<string, unknown>> = {
    ...said.data,
    position_seconds: said.data?.["position_seconds"] ?? "", // the rules of devices have neither
    state: said.data?.["state"] ?? "playing",
  };
  const data: Record<string, unknown> = {};
  for (const [name, checked] of Object.entries(isDevice ? OF_DEVICES : OF_PROGRESS))
    if (members[name] !== undefined && members[name] !== null) data[name] = checked(name, members[name]);
  return { data };
}
