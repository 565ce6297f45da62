/** What an attempt to connect asks for: the path and query behind the service's address. */

import type { Watchlist } from "./watchlist.js";

/** What asks for all that the watchlist lacks, a list in pieces. */
export function targetOf({ revision, epoch, pieces: { cursor } }: Watchlist): string {
  let target = `/ws?snapshot=pieces&since=${revision}`;
  if (epoch !== null) target += `&epoch=${encodeURIComponent(epoch)}`;
  if (cursor !== null) target += `&snapshot_cursor=${encodeURIComponent(cursor)}`;
  return target;
}
