/** The list as the app sees it: what the service has confirmed, with the user's own writes on top. */

import { compareCodePoints, compareTimestamps, type Timestamp } from "./hlc.js";
import { type Carried, carriedBy } from "./item_fields.js";
import { contentIn } from "./keys.js";
import type { CalledAction } from "./messages.js";
import type { ConfirmedItem, PendingWrite } from "./stored.js";

/** A content in the list as the app sees it. */
export interface Item extends Carried {
  readonly content_id: string;
  /** Whether it awaits the service's confirmation. */
  readonly pending: boolean;
  /** When it was added. */
  readonly timestamp: Timestamp;
  /** Which device added it; null: this one, just now. */
  readonly device_id: string | null;
}

/** The part of a write that the list shows. */
export type ShownWrite = Pick<PendingWrite, "content_id" | "timestamp" | keyof Carried> & {
  readonly operation: CalledAction;
};

type Shown = ConfirmedItem & { readonly pending: boolean };

/**
 * The list to show, frozen: in order of position, then the rest newest first. `before`: an earlier list; its items are
 * used again where they are equal, and the list itself if all are. Cost: O(n log n).
 */
export function listView(
  confirmed: Iterable<ConfirmedItem>,
  writes: Iterable<ShownWrite>,
  before: readonly Item[] = [],
): readonly Item[] {
  const known = new Map(before.map((item) => [item.content_id, item]));
  const items = Array.from(shownOf(confirmed, writes).values())
    .sort(compareShown)
    .map((item) => same(known.get(contentIn(item.content_id)), item));
  if (items.length === before.length && items.every((item, index) => item === before[index])) return before;
  return Object.freeze(items);
}

function shownOf(confirmed: Iterable<ConfirmedItem>, writes: Iterable<ShownWrite>): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  for (const item of confirmed) shown.set(item.content_id, { ...item, pending: false });
  for (const write of writes) {
    const before = shown.get(write.content_id);
    if (write.operation === "remove") shown.delete(write.content_id);
    else shown.set(write.content_id, shownAfter(before, write));
  }
  return shown;
}

/** What `write`, an add, makes of the item that is there, if any. */
function shownAfter(before: Shown | undefined, write: ShownWrite): Shown {
  const { content_id, timestamp } = write;
  const isBehind = before !== undefined && compareTimestamps(timestamp, before.timestamp) <= 0;
  const added = isBehind ? before : { timestamp, rank: 0, device_id: null };
  return { ...before, ...added, ...carriedBy(write), content_id, pending: true };
}

/** Sorts behind every position. */
const LAST = "\u007F";

function compareShown(a: Shown, b: Shown): number {
  const [left, right] = [a.position ?? LAST, b.position ?? LAST];
  if (left !== right) return left < right ? -1 : 1;
  if (left === LAST) return compareTimestamps(b.timestamp, a.timestamp) || b.rank - a.rank;
  return compareCodePoints(a.content_id, b.content_id);
}

/** `before`, if it shows the same as `item`. */
function same(before: Item | undefined, { content_id, pending, timestamp, device_id, ...carried }: Shown): Item {
  if (
    before?.pending === pending &&
    before.device_id === device_id &&
    compareTimestamps(before.timestamp, timestamp) === 0 &&
    before.position === carried.position &&
    (before.data === carried.data || JSON.stringify(before.data) === JSON.stringify(carried.data))
  )
    return before;
  return Object.freeze({ content_id: contentIn(content_id), pending, timestamp, device_id, ...carriedBy(carried) });
}
