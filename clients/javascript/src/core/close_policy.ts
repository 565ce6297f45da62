/**
 * What may follow the end of a connection or an attempt: only the service's own word ends a client. Any other status,
 * code or silence may be the network's, and that passes like weather: it only delays.
 */

import type { Transport } from "./outputs.js";

/**
 * `reconnect_without_upgrade`: something on the way has removed the upgrade from the request; `reconnect_to_service`:
 * the service was reached, and says: not now; `stop`: the same attempt would end the same way, the app has to act.
 */
export type Then =
  | "reconnect"
  | "reconnect_without_upgrade"
  | "reconnect_to_service"
  | "reconnect_with_new_token"
  | "stop";

const TOKEN_ENDED = 4500;
const LAST_CODE = 4999;
/** The longest wait that anybody on the way may ask for. */
const RETRY_AFTER_S = 60;
/** The longest that the service itself may ask for. */
const OWN_RETRY_AFTER_S = 300;

/** What follows a close with `code`; its range decides. */
export function afterClose(code: number): Then {
  if (code === TOKEN_ENDED) return "reconnect_with_new_token";
  return TOKEN_ENDED < code && code <= LAST_CODE ? "stop" : "reconnect";
}

/** What follows an attempt that was refused with `status`; `isOwn`: by the service, in its own form. */
export function afterRefusal(transport: Transport, status: number | undefined, isOwn: boolean): Then {
  if (!isOwn) return "reconnect";
  switch (status) {
    case 401:
      return "reconnect_with_new_token";
    case 404: // unless a WebSocket was asked for: a service that does not have this transport
      return transport === "websocket" ? "stop" : "reconnect";
    case 400:
    case 403:
      return "stop";
    case 426:
      return "reconnect_without_upgrade";
    default:
      return "reconnect_to_service";
  }
}

/** How long to wait at least: what an answer's Retry-After says, within bounds. */
export function delayMs(retryAfterS: number, isOwn: boolean): number {
  return Math.floor(Math.min(retryAfterS, isOwn ? OWN_RETRY_AFTER_S : RETRY_AFTER_S) * 1000);
}
