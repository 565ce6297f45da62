/** The client in Node, against the real daemon. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { type ClientEvent, SyncClient, type SyncEvents } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";

const TIMEOUT_MS = 60_000;
const [A, B, C] = [content(1), content(2), content(3)];

const daemon = new Daemon("--shutdown-timeout", "2"); // devices are told to come back within half of that
const clients: SyncClient[] = [];
let users = 0;

before(() => daemon.start());
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
after(() => daemon.remove());

function newUser(): string {
  users += 1;
  return `user ${users}`;
}

function device(
  user: string,
  name: string,
  getToken: () => string | null = () => mint(user, name),
  { url } = daemon,
): SyncClient {
  const client = new SyncClient({ url, getToken });
  clients.push(client);
  return client;
}

/** Resolves with the next event of this type. */
function next<T extends keyof SyncEvents>(client: SyncClient, type: T): Promise<ClientEvent<T>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${type} within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    const pass = (event: ClientEvent<T>): void => {
      clearTimeout(timer);
      resolve(event);
    };
    client.addEventListener(type, pass, { once: true });
  });
}

async function live(client: SyncClient, user: string): Promise<void> {
  const resumed = next(client, "resumed");
  await client.signIn(user);
  await resumed;
}

/** Resolves when the client shows exactly these, all confirmed, and nothing waits. */
async function shows(client: SyncClient, ...contents: string[]): Promise<void> {
  const isSo = (): boolean => client.queueLength === 0 && contentsOf(client).join() === contents.join();
  while (!isSo()) await next(client, "updated");
}

function contentsOf(client: SyncClient): string[] {
  return client.items.map((item) => item.content_id);
}

test("what one device adds and removes, the other shows", async () => {
  const user = newUser();
  const [phone, tv] = [device(user, "phone"), device(user, "tv")];
  await Promise.all([live(phone, user), live(tv, user)]);
  phone.add(A);
  assert.deepEqual(
    phone.items.map((item) => [item.content_id, item.pending]),
    [[A, true]],
  );
  await Promise.all([shows(phone, A), shows(tv, A)]);
  assert.equal(tv.items[0]?.device_id, "phone");
  tv.remove(A);
  assert.deepEqual(tv.items, []);
  await Promise.all([shows(phone), shows(tv)]);
  assert.deepEqual([phone.revision, tv.revision, phone.state], [2, 2, "live"]);
});

test("what was done offline is sent once, in order, when the network is back", async () => {
  const user = newUser();
  const phone = device(user, "phone");
  await live(phone, user);
  phone.add(A);
  await shows(phone, A);
  phone.disconnect();
  assert.equal(phone.state, "stopped");
  phone.remove(A);
  phone.add(B);
  phone.add(C);
  assert.deepEqual(contentsOf(phone), [C, B]);
  assert.equal(phone.queueLength, 3);
  phone.connect();
  await shows(phone, C, B);
  assert.equal((await daemon.watchlist(user)).revision, 4);
});

test("if the service has no room for another replica, nothing that a device writes is lost", async () => {
  const user = newUser();
  const full = new Daemon("--max-replicas-per-user", "1");
  await full.start();
  try {
    const [phone, tv] = ["phone", "tv"].map((name) => device(user, name, () => mint(user, name), full));
    assert(phone !== undefined && tv !== undefined);
    await live(tv, user);
    tv.add(A);
    await shows(tv, A);
    const outcomes: string[] = [];
    phone.addEventListener("confirmed", ({ operation }) => outcomes.push(operation));
    phone.addEventListener("refused", ({ message }) => outcomes.push(message));
    await phone.signIn(user);
    phone.add(B);
    phone.remove(B);
    phone.add(C);
    await Promise.all([shows(phone, C, A), shows(tv, C, A)]);
    assert.equal(outcomes.length, 3);
    assert.deepEqual(new Set(outcomes), new Set(["add", "remove"]));
  } finally {
    await full.remove();
  }
});

test("a restart of the service is survived, and what was added meanwhile is delivered", async () => {
  const user = newUser();
  const [phone, tv] = [device(user, "phone"), device(user, "tv")];
  await Promise.all([live(phone, user), live(tv, user)]);
  const gone = next(phone, "disconnected");
  await daemon.stop();
  assert.equal((await gone).code, 1001);
  phone.add(A);
  await daemon.start();
  await Promise.all([shows(phone, A), shows(tv, A)]);
});

test("a service that cannot be reached is tried again", async () => {
  const phone = new SyncClient({ url: "http://127.0.0.1:1", getToken: () => "t" });
  clients.push(phone);
  const disconnected = next(phone, "disconnected");
  await phone.signIn(newUser());
  const { code, retry_in_ms } = await disconnected;
  assert.deepEqual([code, typeof retry_in_ms], [null, "number"]);
});

test("a thousand changes arrive in order and once", async () => {
  const user = newUser();
  const [phone, tv] = [device(user, "phone"), device(user, "tv")];
  await Promise.all([live(phone, user), live(tv, user)]);
  const all = Array.from({ length: 1000 }, (_, index) => content(index));
  for (const each of all) phone.add(each);
  await Promise.all([shows(phone, ...all.toReversed()), shows(tv, ...all.toReversed())]);
  assert.equal(tv.revision, 1000);
});

test("an expired token is replaced by the callback's next one", async () => {
  const user = newUser();
  let wasLive = false; // on a busy machine a token may end before it is used
  const phone = device(user, "phone", () => mint(user, "phone", wasLive ? 3600 : 1));
  phone.addEventListener("resumed", () => {
    wasLive = true;
  });
  await live(phone, user);
  assert.equal((await next(phone, "disconnected")).code, 4500);
  await next(phone, "resumed");
});

test("without a token the client waits and asks again", async () => {
  const user = newUser();
  let asked = 0;
  const phone = device(user, "phone", () => {
    asked += 1;
    return asked === 1 ? null : mint(user, "phone");
  });
  const disconnected = next(phone, "disconnected");
  const resumed = next(phone, "resumed");
  await phone.signIn(user);
  assert.notEqual((await disconnected).retry_in_ms, null);
  await resumed;
});

test("a token that cannot be sent stops the client", async () => {
  const user = newUser();
  const phone = device(user, "phone", () => "not a token, and not fit for a header");
  const disconnected = next(phone, "disconnected");
  await phone.signIn(user);
  assert.equal((await disconnected).retry_in_ms, null);
  assert.equal(phone.state, "stopped");
});

test("another user's list is neither shown nor changed", async () => {
  const [alice, bob] = [newUser(), newUser()];
  let user = alice;
  const phone = device(alice, "phone", () => mint(user, "phone"));
  await live(phone, alice);
  phone.add(A);
  await shows(phone, A);
  phone.disconnect();
  phone.add(B);
  user = bob;
  const signedOut = next(phone, "signed_out");
  await live(phone, bob);
  assert.deepEqual([(await signedOut).user_id, (await signedOut).erased], [alice, false]);
  assert.deepEqual(phone.items, []);
  user = alice;
  await live(phone, alice);
  await shows(phone, B, A);
  assert.equal((await daemon.watchlist(bob)).revision, 0);
});

test("after a log-out no list is shown, and writes are refused", async () => {
  const user = newUser();
  const phone = device(user, "phone");
  await live(phone, user);
  phone.add(A);
  await shows(phone, A);
  const signedOut = next(phone, "signed_out");
  await phone.signOut({ erase: true });
  assert.equal((await signedOut).erased, true);
  assert.deepEqual([phone.user, phone.state, phone.items.length, phone.revision], [null, "signed_out", 0, 0]);
  assert.throws(() => phone.add(B), /Nobody is signed in/u);
  await live(phone, user);
  await shows(phone, A);
});

test("a log-out is done before the next user is signed in", async () => {
  const [alice, bob] = [newUser(), newUser()];
  let user = alice;
  const phone = device(alice, "phone", () => mint(user, "phone"));
  await live(phone, alice);
  phone.disconnect();
  phone.add(A);
  const ends: unknown[] = [];
  phone.addEventListener("signed_out", (event) => ends.push([event.user_id, event.erased]));
  user = bob;
  void phone.signOut({ erase: true });
  await live(phone, bob);
  assert.deepEqual(ends, [[alice, true]]);
  user = alice;
  await live(phone, alice);
  assert.deepEqual([phone.queueLength, phone.items.length], [0, 0]);
});

test("a content id that is not valid is refused in the call", async () => {
  const user = newUser();
  const phone = device(user, "phone");
  await phone.signIn(user);
  assert.throws(() => phone.add("movie 1"), TypeError);
  assert.equal(phone.queueLength, 0);
});

test("an address that is not valid is refused in the constructor", () => {
  assert.throws(() => new SyncClient({ url: "here", getToken: () => "" }), TypeError);
});
