/**
 * Reads server-sent events out of text as it comes.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, without what the
 * service does not send: `id` and `retry`.
 */

/** `type`: `message`, unless the event names another. */
export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
}

/** Not a carriage return at the end: it may be half of a line's end. */
const LINE_END = /\r\n|\n|\r(?!$)/u;

/** Reads the events of one answer. */
export class EventReader {
  #rest = "";
  #type = "";
  #data: string[] = [];
  #size = 0;

  /** How many characters of an incomplete event are held. */
  get size(): number {
    return this.#size + this.#rest.length;
  }

  /** The events that are completed by `text`, the next part of the answer. */
  feed(text: string): ServerSentEvent[] {
    this.#rest += text;
    if (!/[\r\n]/u.test(text)) return []; // so that a long line in many parts is searched only once
    const lines = this.#rest.split(LINE_END);
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#take(line)).filter((event) => event !== null);
  }

  /** The event that `line` completes, or null. */
  #take(line: string): ServerSentEvent | null {
    const [name = ""] = line.split(":", 1);
    const value = line.slice(name.length + 1).replace(/^ /u, "");
    if (name === "event") this.#type = value;
    if (name === "data") {
      this.#data.push(value);
      this.#size += value.length;
    }
    if (line !== "") return null;
    const event = this.#data.length > 0 ? { type: this.#type || "message", data: this.#data.join("\n") } : null;
    this.#type = "";
    this.#data = [];
    this.#size = 0;
    return event;
  }
}
