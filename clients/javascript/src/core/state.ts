/** Where a client stands. */

/**
 * `signed_out`: nobody's list; `stopped`: offline until the app connects; `waiting`: offline until a timer is due;
 * `token`: the app is asked for one; `opening`: the connection is on its way; `resuming`: what was missed has not come
 * in whole; `live`: up to date.
 */
export type State = "signed_out" | "stopped" | "waiting" | "token" | "opening" | "resuming" | "live";
