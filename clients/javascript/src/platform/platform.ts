/**
 * What the client needs of its platform, in types of its own: an app may be compiled without the browser's (`lib:
 * dom`), and its platform may lack what the newest browsers have.
 */

/** What is used of a WebSocket: those of browsers, of Node and of the package `ws` have it. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** What is used of a `URL`. */
export interface UrlLike {
  readonly href: string;
}

/** What is used of an `AbortSignal`. */
export interface SignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
}

export interface ListenerOptions {
  /** Called for the first event only. */
  readonly once?: boolean;
  /** Removed when it is aborted. */
  readonly signal?: SignalLike;
}

/** Random bytes: good ones if the platform has them, else from `Math.random`, as names need not be secret. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (globalThis.crypto?.getRandomValues !== undefined) return crypto.getRandomValues(bytes);
  return bytes.map(() => Math.floor(Math.random() * 256));
}
