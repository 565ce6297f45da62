/** What a client needs to reach its service. */

import type { WebSocketClass } from "../platform/platform.js";

type MaybeToken = string | null | undefined;

/** Returns a token that is good now; called before every attempt to connect, and before the token ends. */
export type GetToken = () => MaybeToken | Promise<MaybeToken>;

export interface Service {
  /** The address, `ws:` or `wss:`, without the `/ws` at its end. */
  readonly address: string;
  readonly getToken: GetToken;
  readonly WebSocket: WebSocketClass;
}
