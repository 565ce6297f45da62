/** What may follow the end of a connection or an attempt: the close codes and HTTP statuses of the protocol. */

/** `stop`: the same attempt would end the same way; the app has to act. */
export type Then = "reconnect" | "reconnect_with_new_token" | "stop";

const TOKEN_ENDED = 4500;
const LASTING_CODES: ReadonlySet<number> = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010]);
const LASTING_STATUSES: ReadonlySet<number> = new Set([400, 403, 404, 426]);

/** What follows a close with `code`; the range tells. */
export function afterClose(code: number): Then {
  if (code === TOKEN_ENDED) return "reconnect_with_new_token";
  return code > TOKEN_ENDED || LASTING_CODES.has(code) ? "stop" : "reconnect";
}

/** What follows an attempt that the service refused with this HTTP status; undefined: that cannot be known. */
export function afterRefusal(status: number | undefined): Then {
  if (status === 401) return "reconnect_with_new_token";
  return status !== undefined && LASTING_STATUSES.has(status) ? "stop" : "reconnect";
}
