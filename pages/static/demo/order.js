/** A list in an order of its own: where a film goes, and what has to be written for that. */

// biome-ignore lint/correctness/noUnresolvedImports: the daemon serves the client there
import { between } from "../client/syncd-client.js";

/**
 * The positions to write so that `contentId` is at `index` of the others.
 *
 * That is one, its own. Only where two films have the same position, because two devices have put them into one gap, or
 * where some have none, those that are in the way get others.
 *
 * @param {readonly { content_id: string, position?: string }[]} items in order
 * @returns {Map<string, string>} content id -> position
 */
export function placed(items, contentId, index) {
  const others = items.filter((item) => item.content_id !== contentId);
  const writes = new Map();
  let last = null;
  for (const { content_id, position } of others.slice(0, index)) {
    last = position ?? between(last, null); // those without one are the last
    if (position === undefined) writes.set(content_id, last);
  }
  const behind = others.slice(index);
  const tied = behind.findIndex(({ position }) => position === undefined || last === null || position > last);
  const moved = tied === -1 ? behind : behind.slice(0, tied);
  const end = behind[moved.length]?.position ?? null;
  for (const id of [contentId, ...moved.map(({ content_id }) => content_id)]) {
    last = between(last, end);
    writes.set(id, last);
  }
  return writes;
}
