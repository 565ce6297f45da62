/** What is stored of an item, and of one of the user's writes. */

import type { Timestamp } from "./hlc.js";
import type { Carried } from "./item_fields.js";
import type { WriteAction } from "./messages.js";

/** A content that the service says is in a list; or a register, with what is known as `data`. */
export interface ConfirmedItem extends Carried {
  /** Its key: in the watchlist its id. */
  readonly content_id: string;
  readonly timestamp: Timestamp;
  /** Orders equal timestamps: an update's revision; minus its place for an item of a snapshot. */
  readonly rank: number;
  readonly device_id: string | null;
}

/** One of the user's writes that is not settled yet, as it is sent. */
export interface PendingWrite extends Carried {
  /** 1, 2, 3 … within the user's state: the order of the queue. */
  readonly number: number;
  readonly operation: WriteAction;
  /** Its key: in the watchlist its id. */
  readonly content_id: string;
  readonly operation_id: string;
  /** Only in an add; missing: the service makes the tag. */
  readonly tag?: string;
  readonly observed: number;
  readonly timestamp: Timestamp;
  /** Set if `timestamp` is only shown and not sent: the service stamps the write. */
  readonly isUnstamped?: true;
  /** How many tags of this add the service has refused for lack of room. */
  readonly refusedTags?: number;
  /** The name of the app's call that it came from. */
  readonly origin?: string;
}
