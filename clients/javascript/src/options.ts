/** What an app gives a client. */

import type { ContentIds } from "./data/ids.js";
import type { UrlLike, WebSocketClass } from "./platform/platform.js";
import type { Store } from "./stores/store.js";
import type { GetToken } from "./transport/service.js";

export interface SyncClientOptions {
  /** The service, `https://…` or `wss://…`, up to and without `/ws`. Default: where the page comes from. */
  readonly url?: string | UrlLike | undefined;
  /**
   * Answers with the device's token, now or later; null or a rejection: there is none now. It is asked before every
   * attempt to connect and a minute before a token ends: return a token as long as it is good.
   */
  readonly getToken: GetToken;
  /**
   * The IndexedDB database for list and queue; all pages of an origin that name the same one are one device.
   * Default: `syncd`. With null, and where there is no IndexedDB (Node), both are kept in memory.
   */
  readonly database?: string | null | undefined;
  /** In place of `database`: keeps list and queue, for this client alone. */
  readonly store?: Store | undefined;
  /** What the service takes for a content's id: any `text`, where it runs with `--content-ids text`. Default: `uuid`. */
  readonly contentIds?: ContentIds | undefined;
  /** Default: the global one. Node 20 has none: pass a class with the same interface. */
  readonly WebSocket?: WebSocketClass | undefined;
}
