/** One simulated device of the user: a client with a storage of its own, and what of its list has changed. */

// biome-ignore lint/correctness/noUnresolvedImports: the daemon serves the client there
import { SyncClient } from "../client/syncd-client.js";
import { Playback } from "./playback.js";

const TONIGHT = "tonight";
const HANDOFF = "handoff:";

/**
 * Events: `look` (anything may have changed), `flipped` (`film`, `operation`: somebody else's change has come in),
 * `confirmed` and `refused` as the client's, of the watchlist.
 */
export class Device extends EventTarget {
  /** @type {SyncClient} */
  #client;
  /** What the list held when it was last looked at: the client tells of a change once it is stored. */
  #shown = new Set();
  #wasLive = false;
  #tonight;
  /** The service has said what is on the list of tonight. */
  knowsTonight = false;

  /** `id`: also its device id for the service; `name`: for people. */
  constructor({ id, name }, network) {
    super();
    this.id = id;
    this.name = name;
    this.#client = new SyncClient({
      url: new URL(".", document.baseURI).href,
      getToken: async () => (await network.token(id)).token,
      database: `syncd-page-${id}`,
      WebSocket: network.WebSocket,
    });
    this.#tonight = this.#client.list(TONIGHT);
    this.#client.addEventListener("resumed", ({ list }) => {
      this.knowsTonight ||= list === TONIGHT;
    });
    this.playback = new Playback(this.#client.progress);
    this.#client.addEventListener("command", ({ command, position_seconds }) => {
      if (command.startsWith(HANDOFF)) this.playback.play(command.slice(HANDOFF.length), position_seconds);
    });
    for (const type of ["connected", "resumed", "updated", "disconnected"])
      this.#client.addEventListener(type, () => this.#look());
    for (const type of ["confirmed", "refused"]) {
      this.#client.addEventListener(type, ({ operation, content_id, revision, list, collection }) => {
        if (list === undefined && collection === undefined)
          this.dispatchEvent(Object.assign(new Event(type), { operation, contentId: content_id, revision }));
        this.#look();
      });
    }
  }

  /** Fulfilled when the stored list is there. */
  async start(user) {
    await this.#client.signIn(user);
    this.#shown = this.#listed();
    this.dispatchEvent(new Event("look"));
  }

  get state() {
    return this.#client.state;
  }

  get isStopped() {
    return this.state === "stopped";
  }

  get revision() {
    return this.#client.revision;
  }

  get queueLength() {
    return this.#client.queueLength;
  }

  /** Content id -> whether it waits for the service. @returns {Map<string, boolean>} */
  get items() {
    return new Map(this.#client.items.map((item) => [item.content_id, item.pending]));
  }

  has(contentId) {
    return this.items.has(contentId);
  }

  goOffline() {
    this.#client.disconnect();
    this.#look();
  }

  goOnline() {
    this.#client.connect();
    this.#look();
  }

  add(contentId) {
    this.#client.add(contentId);
    this.#shown.add(contentId);
  }

  remove(contentId) {
    this.#client.remove(contentId);
    this.#shown.delete(contentId);
  }

  /** The films of tonight, in order. @returns {readonly { content_id: string, position?: string, pending: boolean }[]} */
  get tonight() {
    return this.#tonight.items;
  }

  /** Whether anybody has ever put a film on the list of tonight. */
  get wasTonightUsed() {
    return this.#tonight.revision > 0 || this.tonight.length > 0;
  }

  /** Put a film of tonight where `index` of the others are before it. Rejected with an Error: it cannot. */
  async place(contentId, index) {
    const others = this.tonight.filter((item) => item.content_id !== contentId);
    const next = others[index]?.content_id;
    await this.#tonight.move(contentId, next && { before: next });
  }

  /** Have another device go on with what is played here. Rejected with an Error, in words for people: it goes on here. */
  async handOver(other) {
    const { contentId, isPlaying } = this.playback;
    this.playback.pause();
    try {
      do {
        if (this.state !== "live") throw new Error(`the ${this.name} has no connection`);
      } while (!this.playback.isSettled && (await this.#somethingHappens())); // else the other goes on where this was before
      await this.#client.handoff(other.id, contentId);
    } catch (error) {
      if (isPlaying) this.playback.play(contentId);
      if (error.code === "device_offline") throw new Error(`the ${other.name} is offline`, { cause: error });
      if (error.status === 503) throw new Error(`the ${other.name} does not answer just now`, { cause: error });
      throw error;
    }
  }

  #somethingHappens() {
    return new Promise((resolve) => this.addEventListener("look", () => resolve(true), { once: true }));
  }

  #listed() {
    return new Set(this.#client.items.map((item) => item.content_id));
  }

  #look() {
    const [before, now] = [this.#shown, this.#listed()];
    this.#shown = now;
    const flips = [
      ...[...now].filter((id) => !before.has(id)).map((id) => ({ operation: "add", contentId: id })),
      ...[...before].filter((id) => !now.has(id)).map((id) => ({ operation: "remove", contentId: id })),
    ];
    this.dispatchEvent(new Event("look"));
    if (this.#wasLive) for (const flip of flips) this.dispatchEvent(Object.assign(new Event("flipped"), flip));
    this.#wasLive ||= this.state === "live"; // what it first learns from the service is no news
  }
}
