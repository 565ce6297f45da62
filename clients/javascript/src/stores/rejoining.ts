/** Merges what a store holds with what a client has gone on with in memory. */

import { prefixIn, WATCHLIST } from "../data/keys.js";
import type { ConfirmedItem, PendingWrite } from "../data/stored.js";
import type { Change, Head, ListHead, Stored, UserState } from "../data/user_state.js";
import type { Mirror } from "./mirror.js";
import type { Store } from "./store.js";

/**
 * Bring `store` up to date with `mirrors`, by user; rejects as the store does. `onMerged`: the store had something of
 * this user's that its mirror lacked. `onJoined`: the store has all, and nothing was saved in memory since.
 */
export async function rejoin(
  store: Pick<Store, "claim" | "save">,
  mirrors: ReadonlyMap<string, Mirror>,
  onMerged: (userId: string) => void,
  onJoined: () => void,
): Promise<void> {
  for (const [userId, mirror] of mirrors) {
    const stored = await store.claim(userId, false);
    const all = stored && merged(stored, mirror);
    if (all !== null) {
      mirror.replace(all);
      onMerged(userId);
    }
    mirror.take();
    await store.save(userId, replacing(stored, mirror));
  }
  for (let late = oneAhead(mirrors); late !== undefined; late = oneAhead(mirrors))
    await store.save(late[0], late[1].take());
  onJoined();
}

/** A user with changes that the store has not got yet. */
function oneAhead(mirrors: ReadonlyMap<string, Mirror>): [string, Mirror] | undefined {
  return Array.from(mirrors).find(([, mirror]) => mirror.isAhead);
}

/** Both merged; null: the store has nothing that `mirror` lacks. */
function merged(stored: Stored, mirror: Mirror): Stored | null {
  if (mirror.isErased) return null;
  const news = stored.queue.filter((write) => !mirror.knows(write));
  const mine = mirror.state;
  const isFirst = mine === null || (mine.head.epoch === null && stored.head.epoch !== null);
  return news.length > 0 || isFirst ? mergedWith(mine, stored, news, isFirst) : null;
}

/**
 * `news`: the stored writes that `mine` lacks; `areListsStored`: the lists are taken from the store, else from `mine`.
 */
function mergedWith(
  mine: UserState | null,
  stored: Stored,
  news: readonly PendingWrite[],
  areListsStored: boolean,
): Stored {
  const kept = areListsStored || mine === null ? stored.head : mine.head;
  const { revision, epoch } = kept;
  const head = { ...stored.head, ...mine?.head, revision, epoch, ...listsOf(kept, mine?.head) };
  const queue = [...news.map((write) => asOf(head, stored.head, write)), ...(mine?.queue.values() ?? [])].map(
    (write, index) => ({ ...write, number: index + 1 }),
  );
  const operations = Math.max(stored.head.operations, mine?.head.operations ?? 0) + queue.length;
  const clock = [stored.head.clock, head.clock].reduce((a, b) =>
    (a.physical - b.physical || a.logical - b.logical) > 0 ? a : b,
  );
  const items: Iterable<ConfirmedItem> = areListsStored ? stored.items : (mine?.items.values() ?? []);
  return { head: { ...head, operations, clock }, items: Array.from(items), queue };
}

/** The lists beside the watchlist as `kept` has them, but with the numbering of `mine`. */
function listsOf(kept: Head, mine: Head | undefined): Pick<Head, "lists"> {
  const lists: Record<string, ListHead> = { ...kept.lists };
  for (const [prefix, { replica, adds }] of Object.entries(mine?.lists ?? {}))
    lists[prefix] = { revision: 0, epoch: null, ...lists[prefix], replica, adds };
  return { lists };
}

/** A stored write as it is to be sent now: a revision observed in another journal means nothing. */
function asOf(now: Head, before: Head, write: PendingWrite): PendingWrite {
  const prefix = prefixIn(write.content_id);
  const [is, was] = [now, before].map((head) => (prefix === WATCHLIST ? head : head.lists?.[prefix]));
  return is === undefined || is.epoch === was?.epoch ? write : { ...write, observed: is.revision };
}

/** The changes that turn `stored` into what `mirror` has. */
function replacing(stored: Stored | null, { state, isErased }: Mirror): Change[] {
  if (state === null) return isErased ? [{ erase: true }] : [];
  const { head, items, queue } = state.stored();
  return [
    ...(stored?.queue ?? []).map(({ number }) => ({ settle: number })),
    { set: head },
    { clear: true },
    ...items.map((put) => ({ put })),
    ...queue.map((write) => ({ queue: write })),
  ];
}
