/** What tabs that show the same user tell each other. */

import type { Stored } from "../data/user_state.js";
import type { Call } from "../engine.js";
import type { LeaderBatch } from "./leader_copy.js";

export type TabMessage =
  /** The tab that leads is to do this. */
  | { readonly type: "call"; readonly name: string; readonly call: Call }
  /** The leader has stored changes, and this has happened. */
  | (LeaderBatch & { readonly type: "batch" })
  /** A tab could not read what the leader has stored, and asks for it. */
  | { readonly type: "ask_stored" }
  | { readonly type: "stored"; readonly leader: string; readonly stored: Stored };
