/** What a transport reports to, and how all of them ask the service over HTTP. */

import type { Core } from "../core/core.js";
import type { Output } from "../core/outputs.js";
import type { ClientMessage, ServerMessage } from "../data/messages.js";
import type { WebSocketLike } from "../platform/platform.js";
import { readProblem } from "./problem.js";

/** The close code of a connection that ended without a close frame. */
export const BROKEN = 1006;

/** One thing that happened, as a call of the core's method for it. */
export type Input = (core: Core) => Output[];

/** One connection, whatever carries it. */
export interface Line {
  /** The service's address, `ws:` or `wss:`, without the `/ws` at its end. */
  readonly address: string;
  /** Whether it may report nothing more. */
  readonly isClosed: boolean;
  /** Ends its requests once it is closed; null: this engine cannot end requests. */
  readonly signal: AbortSignal | null;
  /** Tell the core, unless it is closed. */
  put(happened: Input): void;
  /** Tell the core how the connection ended, and close it; unless it is closed already. */
  putLast(happened: Input): void;
  /** `value` if it is a message that we know, else null. */
  recognized(value: unknown): ServerMessage | null;
  /** Open a WebSocket to `target`; throws what the engine throws. */
  newSocket(target: string, token: string): WebSocketLike;
}

/** A transport at work. */
export interface Carrier {
  /** Open `target` and tell the core all that comes; when polling, called for each poll. */
  open(target: string): void;
  send(message: ClientMessage): void;
  /** Release what the line's `signal` does not end. */
  drop(): void;
}

/** The answer to a request; `problem`: the service's own words, as `readProblem` finds them. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterS: number;
  readonly problem: string | undefined;
}

/** Ask the service; null: nobody answered. Follows no redirect, which would carry the token elsewhere. */
export async function request(
  { address, signal }: Pick<Line, "address" | "signal">,
  target: string,
  token: string,
  { headers, ...options }: { method?: string; body?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Response | null> {
  try {
    return await fetch(address.replace("ws", "http") + target, {
      ...options,
      headers: { ...headers, authorization: `Bearer ${token}` },
      cache: "no-store",
      redirect: "error",
      signal,
    });
  } catch {
    return null; // the network's doing, or the engine's; the error is not told, as there may be the token in it
  }
}

/** The answer with all of its body. */
export async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const body = await response.text().catch(() => "");
  const retryAfterS = Math.max(Number(headers.get("retry-after")) || 0, 0); // not a date: our clock may be wrong
  return { status, body, retryAfterS, problem: readProblem(status, headers.get("content-type"), body) };
}
