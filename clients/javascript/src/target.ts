/** What an attempt to connect asks for: the path and query behind the service's address. */

import type { Transport } from "./outputs.js";
import type { Watchlist } from "./watchlist.js";

/** How long the service may hold back the answer to a poll; below what intermediaries wait for one. */
const POLL_S = 25;

/** What asks for all that the watchlist lacks, a list in pieces. `isLive`: nothing that is known. */
export function targetOf(
  transport: Transport,
  { revision, epoch, pieces: { cursor } }: Watchlist,
  isLive: boolean,
): string {
  const path = transport === "websocket" ? "/ws" : "/api/v1/sync/stream";
  let target = `${path}?snapshot=pieces&since=${revision}`;
  if (epoch !== null) target += `&epoch=${encodeURIComponent(epoch)}`;
  if (cursor !== null) target += `&snapshot_cursor=${encodeURIComponent(cursor)}`;
  if (transport === "polling") target += `&poll=${isLive ? POLL_S : 0}`;
  return target;
}
