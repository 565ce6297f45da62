/** Streams, polls and writes, also in engines that lack something. `fetch` is a fake. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ClientMessage } from "../../src/data/messages.js";
import { HttpTransport } from "../../src/transport/http_transport.js";
import { LineByHand } from "./core_by_hand.js";

const TYPE = { "content-type": "text/event-stream; charset=utf-8" };
const PONG = 'data: {"type":"pong"}\n\n';
const END = 'event: close\ndata: {"code":1000,"reason":"poll"}\n\n';
const OPENED = ["opened"];
const HEARD = ["heard"];
const RECEIVED = ["received", { type: "pong" }];
const WRITE: ClientMessage = {
  type: "watchlist_update",
  id: "r.1",
  operation: "add",
  content_id: "c",
  operation_id: "r.1",
  observed: 0,
};

function open(
  context: TestContext,
  answer: () => Promise<Response>,
  { isPolling = true, canAbort = true } = {},
): LineByHand {
  const line = new LineByHand(undefined, canAbort);
  context.mock.method(globalThis, "fetch", answer);
  new HttpTransport(line, "the-token", isPolling).open("/api/v1/sync/stream?since=0");
  return line;
}

test("if an engine shows no parts of an answer, a poll is read when it is complete", async (context) => {
  const response = new Response(PONG + END, { headers: TYPE });
  Object.defineProperty(response, "body", { value: undefined });
  const line = open(context, async () => response);
  await setImmediate();
  await setImmediate();
  assert.deepEqual(line.all, [OPENED, HEARD, RECEIVED, ["polled"]]);
});

test("if an engine cannot decode parts, a poll is read when it is complete", async (context) => {
  const { TextDecoder } = globalThis;
  context.after(() => Object.assign(globalThis, { TextDecoder }));
  const response = new Response(PONG + END, { headers: TYPE });
  Object.defineProperty(response, "text", { value: () => Promise.resolve(PONG + END) });
  Reflect.deleteProperty(globalThis, "TextDecoder");
  const line = open(context, async () => response);
  await setImmediate();
  await setImmediate();
  assert.deepEqual(line.all, [OPENED, HEARD, RECEIVED, ["polled"]]);
});

test("an answer that breaks off ends the connection, whether the engine shows parts of it or not", async (context) => {
  const broken = (): Response => {
    const body = new ReadableStream({
      pull(controller): void {
        controller.error(new TypeError("terminated"));
      },
    });
    return new Response(body, { headers: TYPE });
  };
  const whole = broken();
  const text = whole.text.bind(whole);
  Object.defineProperties(whole, { body: { value: undefined }, text: { value: text } });
  for (const response of [broken(), whole]) {
    const line = open(context, async () => response);
    await setImmediate();
    await setImmediate();
    assert.deepEqual(line.all, [OPENED, ["closed", 1006]]);
    context.mock.restoreAll();
  }
});

test("without `fetch` there is no connection", async (context) => {
  const { fetch } = globalThis;
  context.after(() => Object.assign(globalThis, { fetch }));
  const line = new LineByHand();
  Reflect.deleteProperty(globalThis, "fetch");
  new HttpTransport(line, "t", false).open("/");
  await setImmediate();
  assert.deepEqual(line.all, [["openFailed", undefined, undefined, undefined]]);
});

test("if a request cannot be ended, a stream that is not wanted any more is released when more of it comes", async (context) => {
  const source = new TransformStream<Uint8Array, Uint8Array>();
  const writer = source.writable.getWriter();
  const line = open(context, async () => new Response(source.readable, { headers: TYPE }), { canAbort: false });
  await writer.write(new TextEncoder().encode(PONG));
  await setImmediate();
  line.close();
  await writer.write(new TextEncoder().encode(": a sign of life\n"));
  await assert.rejects(writer.closed);
  assert.deepEqual(line.all, [OPENED, HEARD, RECEIVED]);
});

test("a character may be split between two parts", async (context) => {
  const bytes = new TextEncoder().encode(`data: {"type":"device_command","command":"é"}\n\n`);
  const cut = bytes.indexOf(0xc3) + 1;
  const body = new ReadableStream({
    start(controller): void {
      for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) controller.enqueue(part);
      controller.close();
    },
  });
  const line = open(context, async () => new Response(body, { headers: TYPE }));
  await setImmediate();
  const command = ["received", { type: "device_command", command: "é" }];
  assert.deepEqual(line.all, [OPENED, HEARD, HEARD, command, ["closed", 1006]]);
});

test("an answer that is no event stream does not open the connection", async (context) => {
  const problem = { title: "Forbidden", status: 403, detail: "No." };
  const own = { "content-type": "application/problem+json", "retry-after": "7" };
  const answers: [() => Response, unknown[]][] = [
    [() => new Response("<h1>Log in</h1>"), [200, 0, undefined]],
    [() => new Response(PONG, { status: 203, headers: TYPE }), [203, 0, undefined]],
    [() => new Response("", { status: 503, headers: { "retry-after": "-5" } }), [503, 0, undefined]],
    [
      () => new Response("", { status: 503, headers: { "retry-after": "Fri, 27 Nov 2026 20:45:00 GMT" } }),
      [503, 0, undefined],
    ],
    [() => Response.json(problem, { status: 403, headers: own }), [403, 7, "No."]],
  ];
  for (const [answer, given] of answers) {
    const line = open(context, async () => answer());
    await setImmediate();
    await setImmediate();
    assert.deepEqual(line.all, [["openFailed", ...given]]);
    context.mock.restoreAll();
  }
});

test("the core is told the close code with which the service ends an answer", async (context) => {
  const ends: [string, boolean, unknown[]][] = [
    ['event: close\ndata: {"code":4500,"reason":"ended"}\n\n', true, ["closed", 4500]],
    [END, false, ["closed", 1000]],
    ["event: close\ndata: nonsense\n\n", true, ["closed", 1006]],
    ['event: close\ndata: {"code":"4500"}\n\n', true, ["closed", 1006]],
    ['event: incomplete\ndata: {"type":"po\n\n', true, ["closed", 1006]],
  ];
  for (const [text, isPolling, end] of ends) {
    const line = open(context, async () => new Response(text, { headers: TYPE }), { isPolling });
    await setImmediate();
    assert.deepEqual(line.all, [OPENED, HEARD, end]);
    context.mock.restoreAll();
  }
});

test("writes sent together go in one request, and only one request is under way at a time", async (context) => {
  const line = new LineByHand();
  const bodies: string[][] = [];
  const answers: ((_: Response) => void)[] = [];
  context.mock.method(globalThis, "fetch", (_: string, { body }: { body: string }) => {
    const { operations } = JSON.parse(body) as { operations: { id: string }[] };
    bodies.push(operations.map(({ id }) => id));
    return new Promise<Response>((resolve) => answers.push(resolve));
  });
  const transport = new HttpTransport(line, "t", false);
  const send = (...ids: string[]): void => {
    for (const id of ids) transport.send({ ...WRITE, id });
  };
  const answer = async (...statuses: string[]): Promise<void> => {
    answers.at(-1)?.(Response.json({ results: statuses.map((status) => ({ status })) }));
    await setImmediate();
    await setImmediate();
  };
  send("1", "2");
  await setImmediate();
  send("3");
  send("4");
  await setImmediate();
  assert.deepEqual(bodies, [["1", "2"]]);
  await answer("added", "existing");
  assert.deepEqual(bodies, [
    ["1", "2"],
    ["3", "4"],
  ]);
  await answer("removed", "not_found");
  send("5");
  await setImmediate();
  send("6");
  const long = { ...WRITE, data: { note: "x".repeat(20_000) } };
  for (const id of ["7", "8"]) transport.send({ ...long, id });
  await answer("added");
  assert.deepEqual(bodies.at(-1), ["6", "7"]);
  line.close();
  transport.drop();
  await answer("added", "added");
  assert.equal(bodies.length, 4);
  assert.deepEqual(line.all, [
    ["received", { status: "added", type: "ack", id: "1" }],
    ["received", { status: "existing", type: "ack", id: "2" }],
    ["received", { status: "removed", type: "ack", id: "3" }],
    ["received", { type: "error", id: "4", code: "not_found" }],
    ["received", { status: "added", type: "ack", id: "5" }],
  ]);
});

test("a write is a POST of JSON, and once it is answered its time limit ends nothing", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const line = new LineByHand();
  const answer = async (): Promise<Response> => Response.json({ results: [{ status: "added" }] });
  const fetched = context.mock.method(globalThis, "fetch", answer);
  new HttpTransport(line, "the-token", false).send(WRITE);
  await setImmediate();
  context.mock.timers.tick(30_000);
  assert.deepEqual(line.all, [["received", { status: "added", type: "ack", id: "r.1" }]]);
  const [[url, options] = []] = fetched.mock.calls.map((call) => call.arguments as unknown as [string, RequestInit]);
  assert.equal(url, "http://service/api/v1/sync/operations");
  assert.equal(options?.method, "POST");
  assert.deepEqual(options.headers, { "content-type": "application/json", authorization: "Bearer the-token" });
});

test("a write that is refused, or not answered within 30 s, ends the connection", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const problem = { title: "Unauthorized", status: 401, detail: "The token has ended." };
  const own = { "content-type": "application/problem+json" };
  const answers: [() => Promise<Response>, number][] = [
    [async () => Response.json(problem, { status: 401, headers: own }), 4500],
    [async () => Response.json({ ...problem, status: 403 }, { status: 403, headers: own }), 1006],
    [() => Promise.reject(new TypeError("no network")), 1006],
    [async () => Response.json(problem, { status: 401 }), 1006],
    [async () => new Response("<h1>Log in</h1>"), 1006],
    [() => new Promise(() => undefined), 1006],
  ];
  for (const [answer, code] of answers) {
    const line = new LineByHand();
    context.mock.method(globalThis, "fetch", answer);
    new HttpTransport(line, "t", false).send(WRITE);
    await setImmediate();
    context.mock.timers.tick(30_000);
    assert.deepEqual(line.all, [["closed", code]]);
    context.mock.restoreAll();
  }
});
