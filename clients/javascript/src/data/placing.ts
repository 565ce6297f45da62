/** Moves: which positions to give, and to which items, so that one stands beside another. */

import { between } from "./fractional_index.js";
import type { Item } from "./list_view.js";

/** The list in which an item is moved. */
interface Movable {
  readonly items: readonly Item[];
  add(contentId: string, carried: { readonly position: string }): PromiseLike<string>;
}

/** Beside which content; at the end, if neither is given. Null counts as missing. */
export interface Place {
  readonly before?: string | null | undefined;
  readonly after?: string | null | undefined;
}

interface CanonicalPlace {
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** A content's id, and its new position. */
export type Placed = readonly [string, string];

/** Does what `List.move` promises. `canonical`: returns the canonical spelling of an id; throws if it is not valid. */
export async function move(
  list: Movable,
  canonical: (contentId: string) => string,
  contentId: string,
  { before, after }: Place,
): Promise<string> {
  const moved = canonical(contentId);
  const idOf = (other: string | null | undefined): string | undefined =>
    other === null || other === undefined ? undefined : canonical(other);
  const placed = positionsFor(list.items, moved, { before: idOf(before), after: idOf(after) });
  const ids = await Promise.all(placed.map(([id, position]) => list.add(id, { position })));
  return ids[placed.findIndex(([id]) => id === moved)] ?? "";
}

/**
 * The positions to give so that `contentId` stands there. As a rule only `contentId` gets one. Another item gets one if
 * it stands before `contentId` and has none, if it stands behind and shares its position with the one before, or if it
 * is near and there is no room. Throws a TypeError if the other content is not in the list.
 *
 * Word by word: clients/conformance/README.md, "Moving".
 */
export function positionsFor(items: readonly Item[], contentId: string, place: CanonicalPlace): Placed[] {
  const others = items.filter(({ content_id }) => content_id !== contentId);
  const ids = others.map(({ content_id }) => content_id);
  const positions = others.map(({ position }) => position).filter((position) => position !== undefined); // they come first
  const index = indexOf(ids, place);
  const start = Math.min(index, positions.length);
  let end = index;
  while (start > 0 && positions[end] === positions[start - 1]) end += 1;
  for (let reach = 0; ; reach = 2 * reach || 1) {
    const first = Math.max(start - reach, 0);
    const behind = Math.max(Math.min(end + reach, positions.length), end);
    const inOrder = [...ids.slice(first, index), contentId, ...ids.slice(index, behind)];
    const placed = placedBetween(positions[first - 1] ?? null, positions[behind] ?? null, inOrder);
    if (placed !== null) return placed;
  }
}

/** A position for each content, in order; null: there is no room. */
function placedBetween(a: string | null, b: string | null, ids: readonly string[]): Placed[] | null {
  let last = a;
  try {
    return ids.map((id) => {
      last = between(last, b);
      return [id, last];
    });
  } catch {
    return null;
  }
}

function indexOf(ids: readonly string[], { before, after }: CanonicalPlace): number {
  const wanted = before ?? after;
  if (wanted === undefined) return ids.length;
  if (before !== undefined && after !== undefined) throw new TypeError("before, after: name one of them, or none");
  const index = ids.indexOf(wanted);
  if (index === -1) throw new TypeError(`${wanted}: is not in the list, or is what is to be moved`);
  return index + (before === undefined ? 1 : 0);
}
