/**
 * Reads server-sent events out of text as it comes.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, without what the
 * service does not send: ids, and times to reconnect after.
 */

/** `type`: `message`, unless the event names another one. */
export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
}

/** A carriage return at the end may be half of a line's end. */
const LINE_END = /\r\n|\n|\r(?!$)/u;

/** Reads one answer. */
export class EventReader {
  #rest = "";
  #type = "";
  #data: string[] = [];
  #size = 0;

  /** Characters of the event that is not whole yet. */
  get size(): number {
    return this.#size + this.#rest.length;
  }

  /** The events that `text` completes, which comes behind what was given before. */
  feed(text: string): ServerSentEvent[] {
    this.#rest += text;
    if (!/[\r\n]/u.test(text)) return []; // a long line in many parts is searched once
    const lines = this.#rest.split(LINE_END);
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#take(line)).filter((event) => event !== null);
  }

  /** Null: it completes no event. */
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
