/** Registers as the app sees them: what the service has confirmed, with the user's own words on top. */

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
  /** Null: it is not known. */
  readonly duration_seconds: number | null;
  readonly state: "playing" | "paused" | "stopped";
  readonly watched: boolean;
  /** With one decimal; 0 if the duration is not known. */
  readonly completion_percent: number;
  readonly timestamp: Timestamp;
  /** Which device has played it; null: this one, just now. */
  readonly device_id: string | null;
  /** The service has not confirmed it yet. */
  readonly pending: boolean;
}

/** A device of the user; what it has not said is null. */
export interface DeviceItem {
  readonly device_id: string;
  readonly device_name: string | null;
  readonly device_type: string | null;
  readonly platform: string | null;
  readonly capabilities: Members | null;
  /** Null: this device is not connected itself. */
  readonly is_online: boolean | null;
  /** When it came or went last, RFC 3339; null: nobody can say. */
  readonly last_seen: string | null;
  /** The service has not confirmed it yet. */
  readonly pending: boolean;
}

/** What is shown and is not stored; another object whenever it is another. */
export interface Transient {
  readonly version: number;
  /** Reports of progress that are to be written in some seconds, with operation `report`. */
  readonly held: readonly ShownWrite[];
  /** By device, who is connected; null: this one is not. */
  readonly hints: Readonly<Record<string, Hint>> | null;
  /** Which lists there are; missing: by a tab of a release before. */
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

/** Of each state the views that were made last, by prefix. */
const views = new WeakMap<UserState, Map<string, View>>();

/** By id, the items of a collection; made once for each. */
export const byIdIn = derived((items: readonly Item[]) => new Map(items.map((item) => [idOf(item), item])));

/** What has begun and is not watched; made once for each `items`. */
export const begunIn = derived((items: readonly ProgressItem[]) =>
  Object.freeze(items.filter(({ position_seconds, watched }) => position_seconds > 0 && !watched)),
);

const NO_LISTS: readonly ListName[] = Object.freeze([]);

/** Which lists were shown last. */
let shownLists = NO_LISTS;

/** The newest play first. As `UserState.list`. */
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

/** By their ids. As `UserState.list`. */
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

/** Which lists there are, by what they are called in paths. Of a tab that follows they are a copy each time that its leader says anything. */
function listsOf(
  _state: UserState,
  _writes: readonly ShownWrite[] = [],
  transient: Transient | null = null,
): readonly ListName[] {
  const lists = transient?.lists ?? NO_LISTS;
  if (!sameJson(lists, shownLists)) shownLists = Object.freeze(lists);
  return shownLists;
}

/** What is shown, by the name of the collection. */
export const VIEWS = { [PROGRESS]: progressOf, [DEVICES]: devicesOf, [LISTS]: listsOf };

/** Whether an item shows all of `said`, and the service has confirmed it; what is null says nothing. */
export function saysAlready(item: DeviceItem | undefined, said: Members = {}): boolean {
  const shown = item as (Members & Item) | undefined;
  return (
    shown?.pending === false &&
    Object.entries(said).every(([name, value]) => sameJson(shown[name], value ?? shown[name]))
  );
}

/** `make`, which is called once for each array. */
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

/** By id. A write counts if its stamp is above that of what is confirmed, and a report anyhow. */
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
    // What an update of progress does not say of `watched` is not said any more.
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
