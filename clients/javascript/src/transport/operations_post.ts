/**
 * Writes for connections that carry nothing to the service: `POST /api/v1/sync/operations`, and its answer as messages.
 */

import { delayMs } from "../core/close_policy.js";
import { bytesOf } from "../data/item_fields.js";
import type { RegisterWrite, ServerMessage, Write } from "../data/messages.js";
import type { Answer, Line } from "./carrying.js";

export const PATH = "/api/v1/sync/operations";

/** The most in one request: at 2 KiB/s it takes half of the 30 s that both the service and the client allow. */
const MAX_BYTES = 32 * 1024;

/** How many of `writes`, from the first on, go into one request; at least the first, whatever its size. */
export function countThatFits(writes: readonly (Write | RegisterWrite)[]): number {
  let bytes = 0;
  const end = writes.findIndex((write) => {
    bytes += bytesOf(JSON.stringify(operationOf(write)));
    return bytes > MAX_BYTES;
  });
  return end < 0 ? writes.length : end || 1;
}

/** The request's body. */
export function bodyOf(writes: readonly (Write | RegisterWrite)[]): string {
  return JSON.stringify({ operations: writes.map(operationOf) });
}

/** A write as it is on a WebSocket; one of a register names its collection. */
function operationOf(write: Write | RegisterWrite): object {
  if (write.type !== "progress_update" && write.type !== "device_update") return write;
  const { type, id, ...fields } = write;
  return { ...fields, collection: type === "device_update" ? "devices" : "progress" };
}

/** The service's answers to each of `writes`, as messages; null: nothing that a client could act on. */
export function answersTo(
  writes: readonly (Write | RegisterWrite)[],
  { status, body, retryAfterS, problem }: Answer,
  recognized: Line["recognized"],
): ServerMessage[] | null {
  if (status === 429 || status === 503) {
    const afterMs = delayMs(retryAfterS, problem !== undefined);
    return writes.map(({ id }) => ({
      type: "error",
      id,
      code: "try_again_later",
      ...(afterMs > 0 && { retry_after_ms: afterMs }),
    }));
  }
  if (status !== 200) return null;
  try {
    const { results } = JSON.parse(body) as { results: Record<string, unknown>[] };
    const messages = results.map((result, index) => recognized(messageOf(result, writes[index]?.id)));
    return results.length === writes.length && messages.every((message) => message !== null) ? messages : null;
  } catch {
    return null; // the answer is not the service's
  }
}

/** The message that a WebSocket would bring for `result`. */
function messageOf(result: Record<string, unknown>, id: string | undefined): unknown {
  switch (result["status"]) {
    case "not_found":
      return { type: "error", id, code: "not_found" };
    case "refused":
      return { code: "refused", ...result, type: "error", id, message: result["detail"] };
    default:
      return { ...result, type: "ack", id };
  }
}
