/**
 * The transports without a WebSocket: a stream of server-sent events, or one poll after the other, and writes by POST.
 */

import type { ClientMessage, RegisterWrite, Write } from "../data/messages.js";
import { BROKEN, type Carrier, type Line, readAnswer, request } from "./carrying.js";
import { answersTo, bodyOf, countThatFits, PATH } from "./operations_post.js";
import { EventReader } from "./server_sent_events.js";

const POLLED = 1000;
const TOKEN_ENDED = 4500;
const MAX_EVENT_LENGTH = 64 * 2 ** 20;
/** How long a write may take until the connection counts as broken. */
const WRITE_MS = 30_000;

/** One connection: a single endless answer, or one poll after the other. */
export class HttpTransport implements Carrier {
  readonly #line: Line;
  readonly #token: string;
  readonly #isPolling: boolean;
  #outgoing: (Write | RegisterWrite)[] = [];
  #isWriting = false;

  constructor(line: Line, token: string, isPolling: boolean) {
    this.#line = line;
    this.#token = token;
    this.#isPolling = isPolling;
  }

  open(target: string): void {
    void this.#open(target);
  }

  /** Put it into the next request, together with all that is sent in the same turn. */
  send(message: ClientMessage): void {
    this.#outgoing.push(message as Write | RegisterWrite); // the core sends only these without a WebSocket
    if (!this.#isWriting) void this.#writeAll();
  }

  drop(): void {
    this.#outgoing = [];
  }

  async #open(target: string): Promise<void> {
    const response = await request(this.#line, target, this.#token, { headers: { accept: "text/event-stream" } });
    if (response?.status === 200 && isEventStream(response)) {
      this.#line.put((core) => core.opened());
      await this.#read(response);
    } else {
      const answer = response && (await readAnswer(response));
      this.#line.putLast((core) => core.openFailed(answer?.status, answer?.retryAfterS, answer?.problem));
    }
  }

  /** Read an answer to its end: with something left unread, its connection would serve no other request. */
  async #read(response: Response): Promise<void> {
    const next = textsOf(response, this.#line);
    const events = new EventReader();
    let hasClosed = false;
    for (let text = await next(); text !== null && events.size < MAX_EVENT_LENGTH; text = await next()) {
      this.#line.put((core) => core.heard());
      for (const { type, data } of events.feed(text)) {
        if (type === "message") this.#line.put((core) => core.received(this.#line.recognized(parsed(data))));
        if (type === "close") {
          hasClosed = true;
          this.#end(codeIn(data));
        }
      }
    }
    if (!hasClosed) this.#end(BROKEN);
  }

  #end(code: number): void {
    if (code === POLLED && this.#isPolling) this.#line.put((core) => core.polled());
    else this.#line.putLast((core) => core.closed(code));
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    await null;
    while (this.#outgoing.length > 0) await this.#write(this.#outgoing.splice(0, countThatFits(this.#outgoing)));
    this.#isWriting = false;
  }

  async #write(writes: readonly (Write | RegisterWrite)[]): Promise<void> {
    const timeout = setTimeout(() => this.#end(BROKEN), WRITE_MS);
    const response = await request(this.#line, PATH, this.#token, {
      method: "POST",
      body: bodyOf(writes),
      headers: { "content-type": "application/json" },
    });
    const answer = response && (await readAnswer(response));
    clearTimeout(timeout);
    const messages = answer && answersTo(writes, answer, this.#line.recognized);
    for (const message of messages ?? []) this.#line.put((core) => core.received(message));
    if (messages === null) this.#end(answer?.status === 401 && answer.problem !== undefined ? TOKEN_ENDED : BROKEN);
  }
}

function isEventStream({ headers }: Response): boolean {
  return /^text\/event-stream *(?:;|$)/iu.test(headers.get("content-type") ?? "");
}

/** The close code with which the service ends an answer. */
function codeIn(data: string): number {
  const { code } = (parsed(data) ?? {}) as { code?: unknown };
  return Number.isInteger(code) ? (code as number) : BROKEN;
}

/** `text` as JSON; null: it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Reads the answer's text, part by part, or at once if the engine shows no parts; null: that was all, or `line` is
 * closed.
 */
function textsOf(response: Response, line: Line): () => Promise<string | null> {
  const reader = typeof TextDecoder === "undefined" ? undefined : response.body?.getReader?.();
  if (reader === undefined) {
    const whole = [response.text().catch(() => null)];
    return async () => whole.pop() ?? null;
  }
  const decoder = new TextDecoder();
  return async () => {
    if (line.isClosed) reader.cancel().catch(() => undefined);
    const { value } = await reader.read().catch(() => ({ value: undefined }));
    return value === undefined ? null : decoder.decode(value, { stream: true });
  };
}
