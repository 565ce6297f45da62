/** The shell around the core: one link at a time, nothing sent before it is stored, and nothing left when it ends. */

import assert from "node:assert/strict";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { type Batch, Engine } from "../src/engine.js";
import type { WebSocketClass } from "../src/platform/platform.js";
import type { GetToken } from "../src/transport/service.js";
import { content } from "./contents.js";
import { mint } from "./daemon.js";
import { FailingStore } from "./tabs/tab_by_hand.js";
import { SocketByHand } from "./transport/socket_by_hand.js";

const A = content(1);
const DAY_S = 86_400;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the service sends to a device that knows nothing yet. */
const PLACE = { revision: 0, epoch: "e" };
const GREETING = [
  { type: "resumed", recovered: false, reason: "new", ...PLACE },
  { type: "watchlist_snapshot", items: [], ...PLACE },
];

/** An engine with sockets that the test controls. */
function open(context: TestContext, getToken: GetToken = () => mint("alice", "phone")) {
  const sockets: Socket[] = [];
  class Socket extends SocketByHand {
    readonly sent: { readonly type: string; readonly id?: string }[] = [];
    constructor() {
      super();
      sockets.push(this);
    }
    send(text: string): void {
      this.sent.push(JSON.parse(text));
    }
  }
  const asked = context.mock.fn(getToken);
  const store = new FailingStore();
  const batches: Batch[] = [];
  const service = { address: "ws://h", getToken: asked, WebSocket: Socket as unknown as WebSocketClass };
  const onStoreFailed = (error: unknown): void => assert.fail(String(error));
  const engine = new Engine(service, store, (batch) => batches.push(batch), onStoreFailed);
  context.after(() => engine.retire());
  engine.signIn("alice", null);
  /** Let the last socket open, and the service greet. */
  const live = async (): Promise<Socket> => {
    while (sockets.length === 0) await setImmediate();
    const socket = sockets.at(-1) as Socket;
    socket.onopen();
    for (const message of GREETING) socket.onmessage({ data: JSON.stringify(message) });
    await setImmediate();
    assert.equal(engine.state, "live");
    return socket;
  };
  return { engine, store, batches, sockets, asked, live };
}

/** Have all saves from now on wait until the returned function is called. */
function hold(store: FailingStore): () => void {
  let release = (): void => {};
  store.gate = new Promise((resolve) => {
    release = resolve;
  });
  return release;
}

function add(engine: Engine): void {
  engine.call({ type: "change", operation: "add", writes: [{ name: "a write", content_id: A }] }, "a call");
}

test("writes are told and sent when they are stored, and not before", async (context) => {
  const { engine, store, batches, live } = open(context);
  const socket = await live();
  const release = hold(store);
  batches.length = 0;
  add(engine);
  await setImmediate();
  const before = [batches.length, socket.sent.length];
  release();
  await setImmediate();
  assert.deepEqual([before, batches.flatMap(({ done }) => done)], [[0, 0], ["a call"]]);
  assert.deepEqual(
    socket.sent.map(({ type }) => type),
    ["watchlist_update"],
  );
});

test("every change is stored, even a single one, and the store is not called without changes", async (context) => {
  const { engine, store, live } = open(context);
  const socket = await live();
  const save = context.mock.method(store, "save");
  socket.onmessage({ data: '{"type":"pong"}' });
  await setImmediate();
  assert.equal(save.mock.callCount(), 0);
  const writes = [{ name: "a write", content_id: A }];
  engine.call({ type: "change", operation: "remove", writes }, "a call");
  await setImmediate();
  const id = socket.sent.at(-1)?.id;
  socket.onmessage({ data: JSON.stringify({ type: "error", id, code: "not_found" }) });
  await setImmediate();
  assert.deepEqual(save.mock.calls.at(-1)?.arguments[1], [{ settle: 1 }]);
  assert.deepEqual((await store.read("alice"))?.queue, []);
});

test("a retired engine hangs up, and neither tells nor sends what it is just storing", async (context) => {
  const { engine, store, batches, live } = open(context);
  const socket = await live();
  const release = hold(store);
  add(engine);
  await setImmediate();
  batches.length = 0;
  engine.retire();
  assert.deepEqual(socket.closedWith, [1000]);
  release();
  await setImmediate();
  assert.deepEqual([batches, socket.sent], [[], []]);
});

test("a closed engine hangs up at once, tells what it is still storing, and does nothing more", async (context) => {
  const { engine, store, batches, live, sockets } = open(context);
  const socket = await live();
  const release = hold(store);
  add(engine);
  await setImmediate();
  batches.length = 0;
  const closed = engine.close();
  assert.deepEqual(socket.closedWith, [1000]);
  engine.call({ type: "connect" }, "late");
  release();
  await closed;
  await setImmediate();
  assert.deepEqual([batches.flatMap(({ done }) => done), socket.sent, sockets.length], [["a call"], [], 1]);
});

test("an engine that has ended leaves no timer running, not even one that was set twice", async (context) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  for (const end of ["close", "retire"] as const) {
    const { engine, live } = open(context);
    const socket = await live();
    const once = timers();
    assert.ok(once > before);
    for (let times = 0; times < 20; times += 1) socket.onmessage({ data: '{"type":"pong"}' });
    engine.call({ type: "disconnect" }, "");
    engine.call({ type: "connect" }, "");
    await setImmediate();
    await live();
    assert.ok(timers() <= once + 1, `${timers()} timers`);
    await engine[end]();
    assert.equal(timers(), before);
  }
});

test("an attempt that was given up during a save opens nothing, neither now nor with the next attempt", async (context) => {
  const answers: ((token: string) => void)[] = [];
  const { engine, store, sockets } = open(context, () => new Promise((resolve) => answers.push(resolve)));
  const answer = async (): Promise<void> => {
    await setImmediate();
    answers.at(-1)?.(mint("alice", "phone"));
    await setImmediate();
  };
  await setImmediate();
  const release = hold(store);
  add(engine);
  await answer();
  assert.equal(sockets.length, 0); // what follows from the token waits for the store
  engine.call({ type: "disconnect" }, "");
  release();
  await setImmediate();
  assert.equal(sockets.length, 0);
  engine.call({ type: "connect" }, "");
  await answer();
  assert.deepEqual([sockets.length, answers.length], [1, 2]);
});

test("each attempt has its own link and its own token", async (context) => {
  context.mock.method(Math, "random", () => 0);
  const { engine, sockets, asked, live } = open(context);
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const socket = await live();
    assert.deepEqual([sockets.length, asked.mock.callCount()], [attempt, attempt]);
    socket.onclose({ code: 1001 });
    while (sockets.length === attempt) await setImmediate();
  }
  await live();
  engine.call({ type: "disconnect" }, "");
  assert.deepEqual(
    sockets.map(({ closedWith }) => closedWith.length),
    [1, 1, 1, 1],
  );
});

test("a token is renewed on the open connection", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let lifetimeS = 120;
  const { engine, sockets, asked, live } = open(context, () => mint("alice", "phone", lifetimeS));
  const socket = await live();
  lifetimeS = 3600;
  context.mock.timers.tick(61_000);
  await setImmediate();
  assert.equal(asked.mock.callCount(), 2);
  add(engine);
  await setImmediate();
  assert.deepEqual(
    [sockets.length, new Set(socket.sent.map(({ type }) => type))],
    [1, new Set(["authenticate", "watchlist_update"])],
  );
});

test("no timer is set for longer than engines can count: it would fire at once, and ask for one token after the other", async (context) => {
  const set = context.mock.method(globalThis, "setTimeout");
  const { live } = open(context, () => mint("alice", "phone", 400 * DAY_S));
  await live();
  const delays = set.mock.calls.map((call) => Number(call.arguments[1] ?? 0));
  assert.equal(Math.max(...delays), MAX_TIMER_MS);
});
