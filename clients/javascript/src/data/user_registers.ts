/** One user's registers: what a client does differently with them than with lists. */

import type { Carried } from "./item_fields.js";
import { contentIn, DEVICES, LISTS, PROGRESS, prefixIn, prefixOf } from "./keys.js";
import type { CalledAction, Members, ServerMessage, WriteAction } from "./messages.js";
import { checkedWords } from "./register_fields.js";
import { asMessage, asOfList, type Hint, type ListName } from "./register_messages.js";
import { type DeviceItem, devicesOf, saysAlready, type Transient } from "./register_views.js";
import { Reports } from "./reports.js";
import type { UserCollections } from "./user_collections.js";

const REPORT_MS = 10_000;

const OF_PROGRESS = prefixOf(PROGRESS);
const OF_DEVICES = prefixOf(DEVICES);
const OF_LISTS = prefixOf(LISTS);

/** The timer of held reports: the part of `Timers` that is used here. */
interface ReportTimer {
  isRunning(timer: "report"): boolean;
  start(timer: "report", afterMs: number): void;
}

/** The registers of the user who is signed in. */
export class Registers {
  readonly #collections: UserCollections;
  readonly #timers: ReportTimer;
  readonly #reports = new Reports();
  #transient: Transient = { version: 0, held: [], hints: null, lists: [] };
  #isHeldShown = true;
  readonly asMessage = asMessage;

  constructor(collections: UserCollections, timers: ReportTimer) {
    this.#collections = collections;
    this.#timers = timers;
  }

  /** Held reports are gathered only when this is read: an app may report thousands of contents at once. */
  get transient(): Transient {
    if (!this.#isHeldShown) {
      this.#isHeldShown = true;
      const held = this.#reports.held.map(([contentId, { data, atMs }]) => {
        const timestamp = { physical: atMs, logical: 0, node: "" };
        return { operation: "report" as const, content_id: contentId, timestamp, data };
      });
      this.#show({ held });
    }
    return this.#transient;
  }

  // What the user writes

  /** Does what `Core.enqueue` promises. */
  enqueue(
    operation: CalledAction,
    key: string,
    { origin, ...carried }: Carried & { readonly origin?: string | undefined },
    nowMs: number,
  ): void {
    const said = { ...sayable(operation, key, carried), origin };
    if (operation === "report") this.#report(key, said.data ?? {}, nowMs);
    else if (prefixIn(key) === OF_PROGRESS) {
      this.#letGo(key);
      this.#put(operation, key, said, nowMs);
    } else if (operation === "remove" || !saysAlready(this.#deviceOf(key), said.data))
      this.#collections.enqueue(operation, key, nowMs, said);
  }

  /**
   * Bring the queue to what it would be had this part been loaded from the start: with checked members, without updates
   * of progress that a later one replaces, and without updates of a device that say nothing new.
   */
  tidy(): void {
    const { state } = this.#collections;
    for (const write of state.queue.values())
      if (write.operation === "update")
        this.#collections.restate({ ...write, ...sayable("update", write.content_id, write) });
    for (const number of Array.from(state.queue.keys())) {
      const write = state.queue.get(number);
      if (write?.operation !== "update") continue;
      const { content_id: key, data } = write;
      const writes = state.writesOf(key);
      const next = writes[writes.indexOf(write) + 1];
      if (prefixIn(key) === OF_PROGRESS && next?.operation === "update") {
        this.#collections.restate({ ...next, data: { ...data, ...next.data } });
        this.#collections.drop(number);
      } else if (prefixIn(key) === OF_DEVICES && writes[0] === write && this.#isConfirmed(key, data)) {
        this.#collections.drop(number);
      }
    }
  }

  #isConfirmed(key: string, said: Members | undefined): boolean {
    const confirmed = this.#collections.state.items.get(key);
    return confirmed !== undefined && saysAlready({ ...confirmed.data, pending: false } as DeviceItem, said);
  }

  #deviceOf(key: string) {
    return this.#devices.find(({ device_id }) => device_id === contentIn(key));
  }

  #report(key: string, data: Members, nowMs: number): void {
    if (this.#reports.goesOn(key, data, nowMs) && this.#timers.isRunning("report")) {
      this.#reports.hold(key, { data, atMs: nowMs });
      this.#showHeld();
    } else {
      this.#letGo(key);
      this.#putReport(key, data, nowMs);
    }
  }

  /** Queue the held reports, stamped with the time of the report. */
  flush(): void {
    for (const [key, { data, atMs }] of this.#reports.held) {
      this.#letGo(key);
      this.#putReport(key, data, atMs);
    }
  }

  #putReport(key: string, data: Members, atMs: number): void {
    this.#put("update", key, { data }, atMs);
    if (!this.#timers.isRunning("report")) this.#timers.start("report", REPORT_MS);
  }

  /** Queue a write of progress; it replaces the updates that are still to be sent, and has what they say. */
  #put(
    operation: WriteAction,
    key: string,
    said: Carried & { readonly origin?: string | undefined },
    atMs: number,
  ): void {
    const { state, queue } = this.#collections;
    if (this.#collections.hasWriteOf(said.origin)) return;
    const writes = state.writesOf(key);
    const behindRemove = writes.slice(writes.map((write) => write.operation).lastIndexOf("remove") + 1);
    let { data } = said;
    for (const earlier of behindRemove.filter((write) => queue.isUnsent(write))) {
      data = data && { ...earlier.data, ...data };
      this.#collections.drop(earlier.number);
    }
    this.#collections.enqueue(operation, key, atMs, { ...said, ...(data && { data }) });
  }

  #letGo(key: string): void {
    if (this.#reports.letGo(key)) this.#showHeld();
  }

  #showHeld(): void {
    this.#isHeldShown = false;
    this.#collections.markUpdated();
  }

  // What the service says

  /** A message as one about a list; null: it is malformed. Hints and the catalogue are noted. */
  read(message: ServerMessage): ServerMessage | null {
    const read = asOfList(message);
    const { asked } = this.#collections;
    if (read?.type === "lists" && asked.includes(OF_LISTS)) this.#setLists(read as object);
    if (read === null || !asked.includes(OF_DEVICES)) return read;
    if (read.type === "resumed" && read.list === DEVICES && this.transient.hints === null) this.#setHints({});
    if (read.type === "device_update") this.#hint(read as object);
    return read;
  }

  #hint({ device_id, is_online, last_seen }: Partial<Hint & { device_id: string }>): void {
    const { hints } = this.transient;
    if (hints === null || device_id === undefined || is_online === undefined || last_seen === undefined) return;
    this.#setHints({ ...hints, [device_id]: { is_online, last_seen } });
  }

  /** Forget which devices are online: the connection has ended. */
  endHints(): void {
    if (this.transient.hints !== null) this.#setHints(null);
  }

  #setLists({ lists = [] }: { readonly lists?: readonly ListName[] }): void {
    const told = lists.map(({ list, name }) => Object.freeze({ list, name }));
    if (JSON.stringify(told) === JSON.stringify(this.transient.lists)) return;
    this.#show({ lists: Object.freeze(told) });
    this.#collections.markUpdated();
  }

  #setHints(hints: Transient["hints"]): void {
    const before = this.#devices;
    this.#show({ hints });
    if (this.#devices !== before) this.#collections.markUpdated();
  }

  get #devices() {
    return devicesOf(this.#collections.state, [], this.transient);
  }

  #show(fields: Partial<Transient>): void {
    this.#transient = { ...this.#transient, ...fields, version: this.#transient.version + 1 };
  }
}

/**
 * `checkedWords`; but what is not valid, from a tab that had not loaded the part for registers, is for the service to
 * refuse.
 */
function sayable(operation: CalledAction, key: string, carried: Carried): Carried {
  try {
    return checkedWords(operation, key, carried);
  } catch {
    return carried;
  }
}
