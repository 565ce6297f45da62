/** Registers as the app sees them: what the service has confirmed, with the user's own writes on top. */

import { compareCodePoints, compareTimestamps, type Timestamp } from "./hlc.js";
import { contentIn, DEVICES, LISTS, PROGRESS, prefixIn, prefixOf } from "./keys.js";
import type { ShownWrite } from "./list_view.js";
import type { Members } from "./messages.js";
import type { Hint, ListName } from "./register_messages.js";
import type { UserState } from "./user_state.js";

const WATCHED_PERCENT = 90;

/** How far a content was played. */
export interface ProgressItem {
  readonly content_id: string;
  readonly position_seconds: number;
  /** Null: not known. */
  readonly duration_seconds: number | null;
  readonly state: "playing" | "paused" | "stopped";
  readonly watched: boolean;
  /** In percent, with one decimal; 0 if the duration is not known. */
  readonly completion_percent: number;
  readonly timestamp: Timestamp;
  /** The device that played it; null: this one, just now. */
  readonly device_id: string | null;
  /** Whether it awaits the service's confirmation. */
  readonly pending: boolean;
}

/** A device of the user; what is not known of it is null. */
export interface DeviceItem {
  readonly device_id: string;
  readonly device_name: string | null;
  readonly device_type: string | null;
  readonly platform: string | null;
  readonly capabilities: Members | null;
  /** Null: not known, as this device is not connected itself. */
  readonly is_online: boolean | null;
  /** When it last came or went, RFC 3339; null: not known. */
  readonly last_seen: string | null;
  /** Whether it awaits the service's confirmation. */
  readonly pending: boolean;
}

/** What is shown but not stored; a new object whenever something in it changes. */
export interface Transient {
  readonly version: number;
  /** Reports of progress that will be queued within seconds; their operation is `report`. */
  readonly held: readonly ShownWrite[];
  /** By device id, whether it is connected; null: this device is not, and cannot know. */
  readonly hints: Readonly<Record<string, Hint>> | null;
  /** Which lists there are; missing: the tab that leads is of a release that did not know them. */
  readonly lists?: readonly ListName[];
}

interface Shown {
  readonly timestamp: Timestamp;
  readonly device_id: string | null;
  readonly data: Members;
  pending: boolean;
}

type Item = ProgressItem | DeviceItem;

interface Sources {
  readonly state: UserState;
  readonly writes: readonly ShownWrite[];
  readonly transient: Transient | null;
}

interface View {
  readonly made: string;
  readonly writes: readonly ShownWrite[];
  readonly items: readonly Item[];
}

/** For each state the views that were made last, by prefix. */
const views = new WeakMap<UserState, Map<string, View>>();

/** The items of a collection by id; made once for each array of items. */
export const byIdIn = derived((items: readonly Item[]) => new Map(items.map((item) => [idOf(item), item])));

/** What was begun and is not watched yet; made once for each array of items. */
export const begunIn = derived((items: readonly ProgressItem[]) =>
  Object.freeze(items.filter(({ position_seconds, watched }) => position_seconds > 0 && !watched)),
);

const NO_LISTS: readonly ListName[] = Object.freeze([]);

/** The lists that were shown last. */
let shownLists = NO_LISTS;

/** Progress to show, the last played first; arguments and reuse as in `UserState.list`. */
export function progressOf(
  state: UserState,
  writes: readonly ShownWrite[] = [],
  transient: Transient | null = null,
): readonly ProgressItem[] {
  return viewOf(PROGRESS, { state, writes, transient }, (shown) =>
    Array.from(shown, progressItem).sort(
      (a, b) => compareTimestamps(b.timestamp, a.timestamp) || compareCodePoints(a.content_id, b.content_id),
    ),
  );
}

/** The devices to show, in order of their ids; arguments and reuse as in `UserState.list`. */
export function devicesOf(
  state: UserState,
  writes: readonly ShownWrite[] = [],
  transient: Transient | null = null,
): readonly DeviceItem[] {
  return viewOf(DEVICES, { state, writes, transient }, (shown) =>
    Array.from(shown, ([id, device]) => deviceItem(id, device, transient)).sort((a, b) =>
      compareCodePoints(a.device_id, b.device_id),
    ),
  );
}

/**
 * The lists that there are, in order of their ids: the last array again if it is equal, as each message of a leader
 * brings a copy.
 */
function listsOf(
  _state: UserState,
  _writes: readonly ShownWrite[] = [],
  transient: Transient | null = null,
): readonly ListName[] {
  const lists = transient?.lists ?? NO_LISTS;
  if (!sameJson(lists, shownLists)) shownLists = Object.freeze(lists);
  return shownLists;
}

/** What makes the items to show, by the name of the collection. */
export const VIEWS = { [PROGRESS]: progressOf, [DEVICES]: devicesOf, [LISTS]: listsOf };

/** Whether an item shows all of `said`, and is confirmed; members of `said` that are null do not count. */
export function saysAlready(item: DeviceItem | undefined, said: Members = {}): boolean {
  const shown = item as (Members & Item) | undefined;
  return (
    shown?.pending === false &&
    Object.entries(said).every(([name, value]) => sameJson(shown[name], value ?? shown[name]))
  );
}

/** `make` with a memory: it is called once for each array. */
function derived<Items extends object, Made>(make: (items: Items) => Made): (items: Items) => Made {
  const known = new WeakMap<Items, Made>();
  return (items) => {
    const made = known.get(items) ?? make(items);
    known.set(items, made);
    return made;
  };
}

function viewOf<T extends Item>(
  collection: string,
  { state, writes, transient }: Sources,
  itemsOf: (shown: ReadonlyMap<string, Shown>) => T[],
): readonly T[] {
  const prefix = prefixOf(collection);
  const ofState = views.get(state) ?? new Map<string, View>();
  views.set(state, ofState);
  const before = ofState.get(prefix);
  const made = `${state.version} ${transient?.version}`;
  if (before?.made === made && (before.writes === writes || before.writes.length + writes.length === 0))
    return before.items as readonly T[];
  const known = before && byIdIn(before.items);
  const fresh = itemsOf(shownOf(prefix, state, [...(transient?.held ?? []), ...writes])).map((item) => {
    const old = known?.get(idOf(item)) as T | undefined;
    return old !== undefined && sameJson(old, item) ? old : Object.freeze(item);
  });
  const isSame = before?.items.length === fresh.length && fresh.every((item, index) => item === before.items[index]);
  const items = isSame ? (before.items as readonly T[]) : Object.freeze(fresh);
  ofState.set(prefix, { made, writes, items });
  return items;
}

function idOf(item: Item): string {
  return "content_id" in item ? item.content_id : item.device_id;
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** What to show by id. A write counts if its stamp is above that of what is confirmed; a report always counts. */
function shownOf(prefix: string, state: UserState, writes: readonly ShownWrite[]): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  for (const { content_id, timestamp, device_id, data = {} } of state.items.values())
    if (prefixIn(content_id) === prefix)
      shown.set(contentIn(content_id), { timestamp, device_id, data, pending: false });
  const pending = new Set<string>();
  for (const { operation, content_id, timestamp, data } of [...state.queue.values(), ...writes]) {
    if (prefixIn(content_id) !== prefix) continue;
    const id = contentIn(content_id);
    const confirmed = state.items.get(content_id);
    const isLatest =
      operation === "report" || confirmed === undefined || compareTimestamps(timestamp, confirmed.timestamp) > 0;
    if (operation === "remove") {
      pending.delete(id);
      if (isLatest) shown.delete(id);
      continue;
    }
    pending.add(id);
    // An update of progress without `watched` resets it.
    const before = { ...shown.get(id)?.data, watched: undefined };
    if (isLatest) shown.set(id, { timestamp, device_id: null, data: { ...before, ...data }, pending: false });
  }
  for (const [id, each] of shown) each.pending = pending.has(id);
  return shown;
}

function progressItem([contentId, { timestamp, device_id, data, pending }]: [string, Shown]): ProgressItem {
  const { position_seconds, duration_seconds, state, watched } = data as unknown as ProgressItem;
  const completionPercent = percentOf(position_seconds, duration_seconds);
  return {
    content_id: contentId,
    position_seconds,
    duration_seconds: duration_seconds || null,
    state,
    watched: watched ?? completionPercent >= WATCHED_PERCENT,
    completion_percent: completionPercent,
    timestamp,
    device_id,
    pending,
  };
}

function percentOf(position: number, duration: number | null | undefined): number {
  return duration ? Math.min(100, Math.floor((1000 * position) / duration + 0.5) / 10) : 0;
}

function deviceItem(deviceId: string, { data, pending }: Shown, transient: Transient | null): DeviceItem {
  const { device_name = null, device_type = null, platform = null, capabilities = null } = data as Partial<DeviceItem>;
  const hint = transient?.hints?.[deviceId];
  const isOnline = transient?.hints ? (hint?.is_online ?? false) : null;
  const lastSeen = hint?.last_seen ?? null;
  return {
    device_id: deviceId,
    device_name,
    device_type,
    platform,
    capabilities,
    is_online: isOnline,
    last_seen: lastSeen,
    pending,
  };
}
