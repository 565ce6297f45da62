/** What a client knows of its service, and how it gets in. */

import type { WebSocketClass } from "../platform/platform.js";

type MaybeToken = string | null | undefined;

/** Answers with a token that is good now; asked before every attempt to connect, and before the token ends. */
export type GetToken = () => MaybeToken | Promise<MaybeToken>;

export interface Service {
  /** `ws:` or `wss:`, without the `/ws` at its end. */
  readonly address: string;
  readonly getToken: GetToken;
  readonly WebSocket: WebSocketClass;
}
