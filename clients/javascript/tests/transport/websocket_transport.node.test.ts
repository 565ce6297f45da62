/** A WebSocket that does not open. The socket is a fake. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { WebSocketTransport } from "../../src/transport/websocket_transport.js";
import { LineByHand } from "./core_by_hand.js";
import { SocketByHand } from "./socket_by_hand.js";

const TARGET = "/ws?since=0";
const PROBLEM = { type: "about:blank", title: "Forbidden", status: 403, detail: "The origin is not allowed." };
const OWN = { "content-type": "application/problem+json", "retry-after": "7" };

/** A transport whose socket does not open, and what `fetch` is asked and does. */
async function fail(context: TestContext, answer: () => Promise<Response>, line?: LineByHand) {
  const socket = new SocketByHand();
  const given = line ?? new LineByHand(() => socket as never);
  const fetched = context.mock.method(globalThis, "fetch", answer);
  new WebSocketTransport(given, "the-token").open(TARGET);
  socket.onerror();
  socket.onclose({ code: 1006 });
  await setImmediate();
  return { line: given, fetched, socket };
}

test("the service tells why it refused an upgrade", async (context) => {
  const answer = async (): Promise<Response> => Response.json(PROBLEM, { status: 403, headers: OWN });
  const { line, fetched } = await fail(context, answer);
  assert.deepEqual(line.all, [["openFailed", 403, 7, "The origin is not allowed."]]);
  const [[url, options]] = fetched.mock.calls.map((call) => call.arguments as unknown as [string, RequestInit]) as [
    [string, RequestInit],
  ];
  assert.equal(fetched.mock.callCount(), 1);
  assert.equal(url, `http://service${TARGET}`);
  assert.deepEqual(options.headers, { authorization: "Bearer the-token" });
  assert.equal(options.redirect, "error");
});

test("an answer that is not the service's explains nothing", async (context) => {
  const answers = [
    async () => new Response("<h1>Log in</h1>"),
    async () => new Response("Blocked", { status: 403, headers: { "retry-after": "9999" } }),
    async () => Response.json(PROBLEM, { status: 502, headers: OWN }),
    () => Promise.reject(new TypeError("redirected")),
    () => {
      throw new ReferenceError("no fetch");
    },
  ];
  for (const answer of answers) {
    const { line } = await fail(context, answer);
    assert.deepEqual(line.all, [["openFailed"]]);
    context.mock.reset();
  }
});

test("without a network the service is not asked", async (context) => {
  const offline = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
  context.after(() => Object.defineProperty(globalThis, "navigator", offline ?? { value: undefined }));
  const { line, fetched } = await fail(context, async () => new Response());
  assert.deepEqual([line.all, fetched.mock.callCount()], [[["openFailed"]], 0]);
});

test("an explanation has 5 s to come, and only one is under way if requests cannot be ended", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let answer = (_: Response): void => {};
  const hanging = (): Promise<Response> =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const { line } = await fail(context, hanging);
  context.mock.timers.tick(4999);
  assert.deepEqual(line.all, []);
  context.mock.timers.tick(1);
  assert.deepEqual(line.all, [["openFailed"]]);
  context.mock.restoreAll();
  const later = await fail(context, hanging);
  assert.deepEqual([later.line.all, later.fetched.mock.callCount()], [[["openFailed"]], 0]);
  answer(new Response());
  await setImmediate();
  context.mock.restoreAll();
  const last = await fail(context, async () => Response.json(PROBLEM, { status: 403, headers: OWN }));
  assert.equal(last.line.all[0]?.[1], 403);
});

test("an open socket reports messages and its end, which is no failed opening; it sends, and is closed with 1000", async (context) => {
  const socket = Object.assign(new SocketByHand(), {
    sent: [] as string[],
    send: (text: string) => socket.sent.push(text),
  });
  const line = new LineByHand(() => socket as never);
  const fetched = context.mock.method(globalThis, "fetch", async () => new Response());
  const transport = new WebSocketTransport(line, "t");
  transport.open(TARGET);
  socket.onopen();
  socket.onmessage({ data: '{"type":"pong"}' });
  transport.send({ type: "ping" });
  socket.onerror();
  await setImmediate();
  socket.onclose({ code: 4500 });
  await setImmediate();
  assert.deepEqual(line.all, [["opened"], ["received", { type: "pong" }], ["closed", 4500]]);
  transport.drop();
  assert.deepEqual([socket.sent, socket.closedWith, fetched.mock.callCount()], [['{"type":"ping"}'], [1000], 0]);
});

test("a socket that does not open is reported once, whichever of its events come", async (context) => {
  const ends: ((socket: SocketByHand) => void)[] = [
    (socket) => socket.onerror(),
    (socket) => socket.onclose({ code: 1006 }),
  ];
  for (const end of ends) {
    const socket = new SocketByHand();
    const line = new LineByHand(() => socket as never);
    context.mock.method(globalThis, "fetch", async () => new Response());
    new WebSocketTransport(line, "t").open(TARGET);
    end(socket);
    await setImmediate();
    await setImmediate();
    assert.deepEqual(line.all, [["openFailed"]]);
    context.mock.restoreAll();
  }
});

test("a socket that was closed while it opened is not explained", async (context) => {
  const socket = new SocketByHand();
  const line = new LineByHand(() => socket as never);
  const fetched = context.mock.method(globalThis, "fetch", async () => new Response());
  new WebSocketTransport(line, "t").open(TARGET);
  line.close();
  socket.onclose({ code: 1006 });
  await setImmediate();
  assert.equal(fetched.mock.callCount(), 0);
});

test("the error for an address or token that the engine refuses does not repeat it", () => {
  const line = new LineByHand(() => {
    throw new SyntaxError("bearer.secret is no protocol");
  });
  new WebSocketTransport(line, "secret").open(TARGET);
  assert.deepEqual(line.all, [
    ["openFailed", 400, 0, "no WebSocket can be made with this address and token: SyntaxError"],
  ]);
});
