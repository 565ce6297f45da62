/** A WebSocket that is only tried. The socket is a fake. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { probe } from "../../src/transport/probe.js";
import { LineByHand } from "./core_by_hand.js";
import { SocketByHand } from "./socket_by_hand.js";

const TARGET = "/ws?since=0";

test("a probe succeeds when a message comes, and is reported once", () => {
  const ends: [(socket: SocketByHand) => void, boolean][] = [
    [(socket) => socket.onmessage({}), true],
    [(socket) => socket.onerror(), false],
    [(socket) => socket.onclose({ code: 1006 }), false],
  ];
  for (const [end, isThere] of ends) {
    const socket = new SocketByHand();
    const line = new LineByHand(() => socket as never);
    probe(line, TARGET, "t");
    socket.onopen();
    assert.deepEqual(line.all, []);
    end(socket);
    assert.equal(line.all.length, 1);
    socket.onclose({ code: 1000 });
    assert.deepEqual([line.all, socket.closedWith], [[["probed", isThere]], [1000]]);
  }
});

test("a probe without a message ends after 10 s, or when it is dropped", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const line = new LineByHand(() => new SocketByHand() as never);
  const dropped = new SocketByHand();
  probe(new LineByHand(() => dropped as never), TARGET, "t")();
  assert.deepEqual(dropped.closedWith, [1000]);
  probe(line, TARGET, "t");
  context.mock.timers.tick(9999);
  assert.deepEqual(line.all, []);
  context.mock.timers.tick(1);
  assert.deepEqual(line.all, [["probed", false]]);
});

test("if no WebSocket can be made, the probe fails", () => {
  const line = new LineByHand();
  probe(line, TARGET, "t");
  assert.deepEqual(line.all, [["probed", false]]);
});
