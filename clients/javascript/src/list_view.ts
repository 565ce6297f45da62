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

/** The list to show, newest first. Cost: O(n log n). */
export function listView(confirmed: Iterable<ConfirmedItem>, writes: Iterable<ShownWrite>): Item[] {
  const shown = new Map<string, ConfirmedItem & { readonly pending: boolean }>();
  for (const item of confirmed) shown.set(item.content_id, { ...item, pending: false });
  for (const { operation, content_id, timestamp } of writes) {
    if (operation === "remove") {
      shown.delete(content_id);
      continue;
    }
    const before = shown.get(content_id);
    shown.set(
      content_id,
      before !== undefined && compareTimestamps(timestamp, before.timestamp) <= 0
        ? { ...before, pending: true }
        : { content_id, timestamp, rank: 0, device_id: null, pending: true },
    );
  }
  return Array.from(shown.values())
    .sort((a, b) => compareTimestamps(b.timestamp, a.timestamp) || b.rank - a.rank)
    .map(({ content_id, pending, timestamp, device_id }) => ({ content_id, pending, timestamp, device_id }));
}
