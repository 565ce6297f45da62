/** Whether a WebSocket can be had, beside another transport. */

import type { WebSocketLike } from "../platform/platform.js";
import type { Line } from "./carrying.js";

const PROBE_MS = 10_000;

/** Tell the core whether a WebSocket opens and lets a message through; returns what ends the attempt. */
export function probe(line: Line, target: string, token: string): () => void {
  let socket: WebSocketLike | null = null;
  let hasEnded = false;
  const drop = (): void => {
    hasEnded = true;
    clearTimeout(timeout);
    socket?.close(1000);
  };
  const end = (isThere: boolean): void => {
    if (hasEnded) return;
    drop();
    line.put((core) => core.probed(isThere));
  };
  const timeout = setTimeout(() => end(false), PROBE_MS);
  try {
    socket = line.newSocket(target, token);
    socket.onmessage = () => end(true);
    socket.onclose = () => end(false);
    socket.onerror = () => end(false);
  } catch {
    end(false);
  }
  return drop;
}
