/** How far the user has come in each content, as an app sees it. */

import type { ProgressItem } from "./data/register_views.js";
import type { Operation } from "./operations.js";
import { NO_ITEMS, ShownRegisters } from "./shown_registers.js";

/** What an app reports while it plays; seconds. */
export interface ProgressReport {
  readonly position_seconds: number;
  /** Missing or null: it stays as it is. */
  readonly duration_seconds?: number | null | undefined;
  /** Missing: `playing`. */
  readonly state?: ProgressItem["state"] | undefined;
  /** Missing or null: watched from 90 % on. */
  readonly watched?: boolean | null | undefined;
}

/** `items`: the last played first. */
export class Progress extends ShownRegisters<ProgressItem> {
  /**
   * What was begun and is not watched yet, the last played first; the same frozen array as long as `items` is the same.
   */
  get continueWatching(): readonly ProgressItem[] {
    return this.host.session()?.part?.begunIn(this.items) ?? NO_ITEMS;
  }

  /**
   * Report how far a content was played, as often as the player says so. It is shown at once, and written at once
   * unless playing only went on since the last report: then within ten seconds. Throws a TypeError if `contentId` or
   * the report is not valid, an Error if nobody is signed in.
   */
  update(contentId: string, report: ProgressReport): void {
    void this.write("report", contentId, { ...report });
  }

  /** Forget how far a content was played; throws like `update`. */
  remove(contentId: string): Operation {
    return this.write("remove", contentId);
  }

  /** Write now what was reported; it happens by itself when the page is hidden. */
  flush(): void {
    void this.host.session()?.call({ type: "flush" });
  }
}
