/** What `chromium.py` does in a page: the client as an app uses it. Times are milliseconds. */

/** A long task is told of a moment after its end. */
const SETTLE_MS = 300;

let longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
}).observe({ entryTypes: ["longtask"] });

/** That of a device that asks for no pieces: a new one is sent every update. */
class WithoutPieces extends WebSocket {
  constructor(url, protocols) {
    super(url.replace("snapshot=pieces&", ""), protocols);
  }
}

/** An app of a signed-in user that shows the list whenever it may be another. */
class App {
  updates = 0;

  constructor(token, inPieces) {
    this.client = new globalThis.SyncClient({ getToken: () => token, WebSocket: inPieces ? WebSocket : WithoutPieces });
    this.client.addEventListener("updated", () => {
      this.updates += 1;
    });
  }

  /** Fulfilled when it is live with so many items, and none of its changes waits. */
  shows(count) {
    return new Promise((resolve) => {
      const look = () => {
        const { items, queueLength, state } = this.client;
        if (state === "live" && items.length === count && queueLength === 0) resolve();
      };
      for (const type of ["updated", "resumed"]) this.client.addEventListener(type, look);
      look();
    });
  }
}

async function longestTask() {
  await new Promise((resolve) => {
    setTimeout(resolve, SETTLE_MS);
  });
  const found = longest;
  longest = 0;
  return found;
}

let app;

globalThis.bench = {
  /** From a sign-in on a new device to the whole list. */
  async start({ user, token, items, inPieces }) {
    await longestTask(); // the page's own
    const began = performance.now();
    app = new App(token, inPieces);
    await app.client.signIn(user);
    await app.shows(items);
    if (app.client.transport !== "websocket") throw new Error(`it came by ${app.client.transport}`);
    const live = performance.now() - began;
    return { live, longest: await longestTask() };
  },

  /** Adds of an app that is offline, until they are kept; then, back again, until the service has them all. */
  async offline({ contents }) {
    const { client } = app;
    client.disconnect();
    await longestTask();
    const began = performance.now();
    const adding = client.addMany(contents);
    const call = performance.now() - began;
    await adding;
    const kept = performance.now() - began;
    const blocked = Math.max(call, await longestTask());
    const back = performance.now();
    client.connect();
    await app.shows(contents.length);
    const flushed = performance.now() - back;
    return { blocked, kept, flushed, longest: await longestTask() };
  },

  /** Until the list has so many items, which another device adds. */
  async follow({ items }) {
    await app.shows(items);
    return { updates: app.updates, longest: await longestTask() };
  },
};
