/** What a transport reports to, and how all of them ask the service over HTTP. */

import type { Core } from "../core/core.js";
import type { Output } from "../core/outputs.js";
import type { ClientMessage, ServerMessage } from "../data/messages.js";
import type { WebSocketLike } from "../platform/platform.js";
import { readProblem } from "./problem.js";

/** The close code of a connection that has ended without a word. */
export const BROKEN = 1006;

/** One thing that happened: calls the core's method for it. */
export type Input = (core: Core) => Output[];

/** One connection, whatever carries it. */
export interface Line {
  /** The service's, `ws:` or `wss:`, without the `/ws` at its end. */
  readonly address: string;
  /** Whether nothing of it is wanted any more. */
  readonly isClosed: boolean;
  /** Ends its requests, once it is closed; null: this engine cannot. */
  readonly signal: AbortSignal | null;
  /** Tell the core, unless it is closed. */
  put(happened: Input): void;
  /** Tell the core how it has ended, unless it is closed; it is from here on. */
  putLast(happened: Input): void;
  /** `value`, if it is a message that we know. */
  recognized(value: unknown): ServerMessage | null;
  /** Open a WebSocket to `target`; throws what the engine does. */
  newSocket(target: string, token: string): WebSocketLike;
}

/** A transport at work. */
export interface Carrier {
  /** Open `target` and have the core told all that comes; by polling, once for each poll. */
  open(target: string): void;
  send(message: ClientMessage): void;
  /** Let go of what the line's `signal` does not end. */
  drop(): void;
}

/** What was said to a request; `problem`: the service's own words, as `readProblem` finds them. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterS: number;
  readonly problem: string | undefined;
}

/** Ask the service; null: nobody answered. Follows no redirect: it would carry the token to another place. */
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
    return null; // the network's or the engine's doing. What the error says may have the token in it
  }
}

/** The answer with all of its body. */
export async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const body = await response.text().catch(() => "");
  const retryAfterS = Math.max(Number(headers.get("retry-after")) || 0, 0); // or it is a date: that takes a right clock
  return { status, body, retryAfterS, problem: readProblem(status, headers.get("content-type"), body) };
}
