/** How far the user has come in each content, as an app sees it. */

import type { ProgressItem } from "./data/register_views.js";
import type { Operation } from "./operations.js";
import { NO_ITEMS, ShownRegisters } from "./shown_registers.js";

/** What an app says while it plays; seconds. */
export interface ProgressReport {
  readonly position_seconds: number;
  /** Missing or null: what is known of it stays. */
  readonly duration_seconds?: number | null | undefined;
  /** `playing`, if it is missing. */
  readonly state?: ProgressItem["state"] | undefined;
  /** Missing or null: it is from 90 % on. */
  readonly watched?: boolean | null | undefined;
}

/** `items`: the newest play first. */
export class Progress extends ShownRegisters<ProgressItem> {
  /** What has begun and is not watched, the newest play first; the same frozen array as long as `items` is the same. */
  get continueWatching(): readonly ProgressItem[] {
    return this.host.session()?.part?.begunIn(this.items) ?? NO_ITEMS;
  }

  /**
   * Say how far a content was played, as often as the player does. It is shown at once, and written at once unless it only
   * goes on with what was said before: then within ten seconds. Throws a TypeError if `contentId` is none or that cannot be
   * said, an Error if nobody is signed in.
   */
  update(contentId: string, report: ProgressReport): void {
    void this.write("report", contentId, { ...report });
  }

  /** Forget how far a content was played; throws like `update`. */
  remove(contentId: string): Operation {
    return this.write("remove", contentId);
  }

  /** Write now what was reported; by itself that happens when the page is hidden. */
  flush(): void {
    void this.host.session()?.call({ type: "flush" });
  }
}
