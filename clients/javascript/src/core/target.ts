/** What an attempt to connect asks for: the path and query behind the service's address. */

import { named } from "../data/keys.js";
import type { UserCollections } from "../data/user_collections.js";
import type { Transport } from "./outputs.js";

/** How long the service may hold back the answer to a poll: less than intermediaries wait for one. */
const POLL_S = 25;

/** What asks for all that the collections lack, in pieces. `isLive`: they lack nothing that we know of. */
export function targetOf(transport: Transport, collections: UserCollections, isLive: boolean): string {
  const path = transport === "websocket" ? "/ws" : "/api/v1/sync/stream";
  const lists = collections.asked.map((prefix) => ({ prefix, cursor: collections.pieces(prefix).cursor }));
  lists.sort((a, b) => Number(b.cursor !== null) - Number(a.cursor !== null)); // a cursor goes with the first one
  let target = `${path}?snapshot=pieces`;
  for (const { prefix } of lists) {
    const { revision, epoch } = collections.head(prefix);
    const [name, between] = lists.length === 1 ? ["", "&epoch="] : [`${nameOf(prefix)}:`, ":"];
    target += `&since=${name}${revision}`;
    if (epoch !== null) target += between + encodeURIComponent(epoch);
  }
  const cursor = lists[0]?.cursor;
  if (cursor) target += `&snapshot_cursor=${encodeURIComponent(cursor)}`;
  if (transport === "polling") target += `&poll=${isLive ? POLL_S : 0}`;
  return target;
}

function nameOf(prefix: string): string {
  const { list, collection = "watchlist" } = named(prefix);
  return list === undefined ? collection : `list:${list}`;
}
