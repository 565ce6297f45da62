/** What tabs that show the same user tell each other. */

import type { Stored } from "../data/user_state.js";
import type { Call } from "../engine.js";
import type { LeaderBatch } from "./leader_copy.js";

export type TabMessage =
  /** Whoever leads should do this. */
  | { readonly type: "call"; readonly name: string; readonly call: Call }
  /** The leader has stored something, and this has happened. */
  | (LeaderBatch & { readonly type: "batch" })
  /** Somebody could not read what the leader has stored. */
  | { readonly type: "ask_stored" }
  | { readonly type: "stored"; readonly leader: string; readonly stored: Stored };
