/** The client behind networks that let no WebSocket through, in Node, against the real daemon. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { type ListItem, SyncClient, type Transport } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";
import { Middlebox } from "./middlebox.js";

const [A, B, C] = [content(1), content(2), content(3)];

const daemon = new Daemon();
let network: Middlebox;
let url: string;
let client: SyncClient;
/** The client's events, in words. */
let events: string[];
let users = 0;
let user: string;

/** Timers that are shortened: by their ms, what they take instead. */
const pace = new Map<number, number>();
const { setTimeout: realSetTimeout } = globalThis;

before(async () => {
  await daemon.start();
  Math.random = () => 0; // no pause between attempts
  globalThis.setTimeout = ((callback: () => void, afterMs = 0, ...given: []) => {
    const faster = [...pace].find(([ms]) => ms - 1000 < afterMs && afterMs <= ms);
    return realSetTimeout(callback, faster?.[1] ?? afterMs, ...given);
  }) as typeof setTimeout;
});
beforeEach(async () => {
  users += 1;
  user = `user ${users}`;
  network = new Middlebox(daemon.url);
  url = await network.start();
});
afterEach(async () => {
  pace.clear();
  await client.close();
  network.stop();
});
after(() => daemon.remove());

/** The WebSocket is tried again soon. */
function probeSoon(): void {
  pace.set(60_000, 300);
}

/** Silence is noticed after a second. */
function beImpatient(): void {
  pace.set(20_000, 500);
}

async function signIn(getToken: () => unknown = () => mint(user, "phone")): Promise<void> {
  events = [];
  client = new SyncClient({ url, getToken: getToken as () => string });
  client.addEventListener("confirmed", ({ operation, content_id, status }) =>
    events.push(`${operation} ${content_id} ${status}`),
  );
  client.addEventListener("refused", ({ operation, content_id }) => events.push(`${operation} ${content_id} refused`));
  client.addEventListener("disconnected", ({ reason }) => events.push(reason));
  await client.signIn(user);
}

/** Resolves when it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => realSetTimeout(resolve, 10));
}

function liveBy(transport: Transport): Promise<void> {
  return until(() => client.state === "live" && client.transport === transport);
}

function shown(): string[] {
  return client.items.map(({ content_id }: ListItem) => content_id);
}

/** Another device writes. */
async function write(operation: "add" | "remove", contentId: string): Promise<void> {
  const response = await fetch(`${daemon.url}/api/v1/sync/watchlist`, {
    method: "POST",
    headers: { authorization: `Bearer ${mint(user, "tv")}`, "content-type": "application/json" },
    body: JSON.stringify({ operation, content_id: contentId }),
  });
  if (!response.ok) throw new Error(await response.text());
}

/** Have the client and another device change something; how often the client was told of its own change. */
async function exchange(number: number): Promise<number> {
  const [mine, theirs] = [content(number), content(number + 1)];
  client.add(mine);
  await until(() => client.queueLength === 0);
  await write("add", theirs);
  await until(() => shown().slice(0, 2).join() === [theirs, mine].join());
  return events.filter((event) => event === `add ${mine} added`).length;
}

/** `refusal`: the answer to an upgrade; null: the header is removed before the service gets the request. */
function testNetwork(refusal: string | null): void {
  test(`where an upgrade is ${refusal ?? "taken away"}, it goes by a stream and comes back`, async () => {
    network.trick = refusal === null ? "strips" : "refuses";
    network.refusal = refusal ?? "";
    probeSoon();
    await signIn();
    await liveBy("stream");
    assert.equal(await exchange(1), 1);
    network.trick = "nothing";
    await liveBy("websocket");
    assert.equal(await exchange(3), 1);
    assert.deepEqual(
      shown(),
      [4, 3, 2, 1].map((number) => content(number)),
    );
    assert.equal((await daemon.watchlist(user)).revision, 4);
  });
}

testNetwork(null);
for (const refusal of ["200 OK", "302 Found", "403 Forbidden", "426 Upgrade Required", "502 Bad Gateway"])
  testNetwork(refusal);

test("an upgrade that a middlebox removed is recognized at once, after one attempt", async () => {
  network.trick = "strips";
  await signIn();
  await liveBy("stream");
  const [refused, ...more] = events;
  assert.match(refused ?? "", /^refused with status 426: /u);
  assert.deepEqual(more, []);
});

test("behind a proxy that holds answers back until they are complete, the client polls", async () => {
  network.trick = "buffers";
  beImpatient();
  await write("add", C);
  await signIn();
  await liveBy("polling");
  pace.clear();
  assert.deepEqual(shown(), [C]);
  assert.equal(await exchange(1), 1);
  assert.ok(network.requests.some((request) => request.includes("&poll=0")));
  assert.ok(network.requests.some((request) => request.includes("&poll=25")));
});

test("a socket that opens and lets nothing through is given up", async () => {
  network.trick = "swallows";
  beImpatient();
  await signIn();
  await until(() => events.length === 2);
  pace.clear();
  await liveBy("stream");
  assert.equal(await exchange(1), 1);
});

test("a probe that lets nothing through changes nothing", async () => {
  network.trick = "refuses";
  probeSoon();
  pace.set(120_000, 300);
  pace.set(10_000, 300); // a probe's own
  await signIn();
  await liveBy("stream");
  const before = events.length;
  network.trick = "swallows";
  const probes = (): number => network.requests.filter((request) => request.includes(" /ws")).length;
  const attempts = probes();
  await until(() => probes() > attempts + 1);
  assert.deepEqual([client.transport, events.length], ["stream", before]);
});

test("a broken stream goes on where it was, and nothing comes twice", async () => {
  network.trick = "refuses";
  await signIn();
  await liveBy("stream");
  await write("add", A);
  await until(() => shown().join() === A);
  network.cut();
  client.add(B);
  await write("remove", A);
  await until(() => client.queueLength === 0 && shown().join() === B);
  assert.equal((await daemon.watchlist(user)).revision, 3);
});

test("what was done offline goes in few requests, in order", async () => {
  network.trick = "refuses";
  await signIn();
  await liveBy("stream");
  client.disconnect();
  const numbers = Array.from({ length: 130 }, (_, index) => index + 1);
  for (const number of numbers) client.add(content(number));
  client.remove(content(9999));
  client.connect();
  await until(() => client.queueLength === 0);
  const posts = network.requests.filter((request) => request.startsWith("POST"));
  assert.ok(posts.length <= 7, String(posts.length));
  assert.deepEqual(
    shown(),
    numbers.reverse().map((number) => content(number)),
  );
  assert.equal(events.filter((event) => event.endsWith(" added")).length, 130);
  assert.ok(events.includes(`remove ${content(9999)} not_found`));
});

test("a refusal at the upgrade is explained, and a token that was refused is not sent again", async () => {
  await signIn(() => "not-of-this-service");
  await until(() => events.length > 2);
  const again = "the token was refused before";
  assert.deepEqual(events.slice(0, 3), ["refused with status 401: The token is malformed.", again, again]);
  assert.equal(network.requests.length, 2);
});
