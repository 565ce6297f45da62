/** What is stored of an item, and of a write of the user. */

import type { Timestamp } from "./hlc.js";
import type { Carried } from "./item_fields.js";
import type { WriteAction } from "./messages.js";

/** A content that the service says is in a list; or a register, of which `data` is what is known. */
export interface ConfirmedItem extends Carried {
  /** Its key: of the watchlist its id. */
  readonly content_id: string;
  readonly timestamp: Timestamp;
  /** Orders equal timestamps: an update's revision; minus its place for an item of a snapshot. */
  readonly rank: number;
  readonly device_id: string | null;
}

/** A write of the user that is not settled yet, as it is sent. */
export interface PendingWrite extends Carried {
  /** 1, 2, 3 … within the user's state: the order of the queue. */
  readonly number: number;
  readonly operation: WriteAction;
  /** Its key: of the watchlist its id. */
  readonly content_id: string;
  readonly operation_id: string;
  /** Adds only; absent: the service makes it. */
  readonly tag?: string;
  readonly observed: number;
  readonly timestamp: Timestamp;
  /** `timestamp` is only shown, no longer sent: the service stamps the write. */
  readonly isUnstamped?: true;
  /** How many tags of this add the service had no room for. */
  readonly refusedTags?: number;
  /** The call that it came from, by which the app knows it. */
  readonly origin?: string;
}
