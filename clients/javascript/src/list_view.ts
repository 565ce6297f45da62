/** The list as the app sees it: what the service has confirmed, with the user's own writes on top. */

import { compareTimestamps, type Timestamp } from "./hlc.js";
import type { ConfirmedItem, PendingWrite } from "./user_state.js";

/** A content in the list as the app sees it. */
export interface Item {
  readonly content_id: string;
  /** The service has not confirmed it yet. */
  readonly pending: boolean;
  /** When it was added. */
  readonly timestamp: Timestamp;
  /** Which device added it; null: this one, just now. */
  readonly device_id: string | null;
}

/** As much of a write as the list shows. */
export type ShownWrite = Pick<PendingWrite, "operation" | "content_id" | "timestamp">;

type Shown = ConfirmedItem & { readonly pending: boolean };

/**
 * The list to show, newest first, frozen. `before`: an earlier one, of which the items that are the same are taken, and
 * all of it if nothing is another. Cost: O(n log n).
 */
export function listView(
  confirmed: Iterable<ConfirmedItem>,
  writes: Iterable<ShownWrite>,
  before: readonly Item[] = [],
): readonly Item[] {
  const known = new Map(before.map((item) => [item.content_id, item]));
  const items = Array.from(shownOf(confirmed, writes).values())
    .sort((a, b) => compareTimestamps(b.timestamp, a.timestamp) || b.rank - a.rank)
    .map((item) => same(known.get(item.content_id), item));
  if (items.length === before.length && items.every((item, index) => item === before[index])) return before;
  return Object.freeze(items);
}

function shownOf(confirmed: Iterable<ConfirmedItem>, writes: Iterable<ShownWrite>): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  for (const { content_id, timestamp, rank, device_id } of confirmed)
    shown.set(content_id, { content_id, timestamp, rank, device_id, pending: false });
  for (const { operation, content_id, timestamp } of writes) {
    const before = shown.get(content_id);
    if (operation === "remove") shown.delete(content_id);
    else if (before !== undefined && compareTimestamps(timestamp, before.timestamp) <= 0)
      shown.set(content_id, { ...before, pending: true });
    else shown.set(content_id, { content_id, timestamp, rank: 0, device_id: null, pending: true });
  }
  return shown;
}

/** `before`, if it shows the same as `item`. */
function same(before: Item | undefined, { content_id, pending, timestamp, device_id }: Shown): Item {
  if (
    before?.pending === pending &&
    before.device_id === device_id &&
    compareTimestamps(before.timestamp, timestamp) === 0
  )
    return before;
  return Object.freeze({ content_id, pending, timestamp, device_id });
}
