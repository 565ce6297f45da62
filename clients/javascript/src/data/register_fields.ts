/** What an app may say of a register: how far a content was played, or what a device is. */

import { checkName } from "./ids.js";
import { type Carried, checkedObject } from "./item_fields.js";
import { DEVICES, prefixIn, prefixOf } from "./keys.js";

const MAX_SECONDS = 10_000_000;

/** For each member, what makes the value to send from the app's; throws a TypeError if that is not valid. */
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
 * A private copy of what a write of `key` says, without what is null or undefined. Throws a TypeError if it is not
 * valid.
 */
export function checkedWords(operation: string, key: string, said: Carried): Carried {
  if (operation === "remove") return {};
  const isDevice = prefixIn(key) === prefixOf(DEVICES);
  const members: Readonly<Record<string, unknown>> = {
    ...said.data,
    position_seconds: said.data?.["position_seconds"] ?? "", // no rule of devices uses these two
    state: said.data?.["state"] ?? "playing",
  };
  const data: Record<string, unknown> = {};
  for (const [name, checked] of Object.entries(isDevice ? OF_DEVICES : OF_PROGRESS))
    if (members[name] !== undefined && members[name] !== null) data[name] = checked(name, members[name]);
  return { data };
}
