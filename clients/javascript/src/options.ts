/** What an app gives a client. */

import type { ContentIds } from "./data/ids.js";
import type { UrlLike, WebSocketClass } from "./platform/platform.js";
import type { Store } from "./stores/store.js";
import type { GetToken } from "./transport/service.js";

export interface SyncClientOptions {
  /** The service, `https://…` or `wss://…`, up to `/ws` and without it. Default: where the page comes from. */
  readonly url?: string | UrlLike | undefined;
  /**
   * Returns the device's token, or a promise of it; null or a rejection: there is none now. Called before every attempt
   * to connect and a minute before a token ends: return the same token as long as it is good.
   */
  readonly getToken: GetToken;
  /**
   * The IndexedDB database for list and queue; all pages of an origin that name the same one are one device.
   * Default: `syncd`. With null, and where there is no IndexedDB (Node), both are kept in memory.
   */
  readonly database?: string | null | undefined;
  /** Where to keep list and queue instead of in `database`, for this client alone. */
  readonly store?: Store | undefined;
  /** Which content ids the service accepts: any `text`, if it runs with `--content-ids text`. Default: `uuid`. */
  readonly contentIds?: ContentIds | undefined;
  /** Default: the global one. Node 20 has none: pass a class with the same interface. */
  readonly WebSocket?: WebSocketClass | undefined;
}
