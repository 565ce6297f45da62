/** Lists beside the watchlist, and what items carry, in Node, against the real daemon. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { Core } from "../src/core/core.js";
import { prefixOf } from "../src/data/keys.js";
import { MemoryStore } from "../src/stores/memory_store.js";
import { type List, type ListItem, SyncClient, type SyncEvents } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";

const [A, B, C] = [content(1), content(2), content(3)];

const daemon = new Daemon();
const clients: SyncClient[] = [];
let users = 0;
let user: string;

before(() => daemon.start());
beforeEach(() => {
  users += 1;
  user = `user ${users}`;
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
after(() => daemon.remove());

/** A device that has not signed in; `sockets`: collects what it opens. */
function device(name: string, { store = new MemoryStore(), sockets = [] as string[] } = {}): SyncClient {
  class NotedWebSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(new URL(url).search);
    }
  }
  const client = new SyncClient({
    url: daemon.url,
    getToken: () => mint(user, name),
    store,
    WebSocket: NotedWebSocket,
  });
  clients.push(client);
  return client;
}

/** Resolves when it is so, which is looked at after each event of these types. */
function until(client: SyncClient, isSo: () => boolean, ...types: (keyof SyncEvents)[]): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) resolve();
    };
    for (const type of ["updated", "resumed", "state", ...types]) client.addEventListener(type, look);
    look();
  });
}

function isSettled(client: SyncClient): Promise<void> {
  return until(client, () => client.state === "live" && client.queueLength === 0);
}

function contentsOf({ items }: { readonly items: readonly ListItem[] }): string[] {
  return items.map(({ content_id }) => content_id);
}

async function shows(client: SyncClient, list: List | SyncClient, ...contents: string[]): Promise<void> {
  await until(client, () => client.queueLength === 0 && contentsOf(list).join() === contents.join());
}

test("a list works as the watchlist does, and neither shows what is in the other", async () => {
  const [phone, tv] = [device("phone"), device("tv")];
  const [kids, kidsOfTv] = [phone.list("kids"), tv.list("kids")];
  assert.equal(phone.list("kids"), kids);
  await Promise.all([phone.signIn(user), tv.signIn(user)]);
  await until(tv, () => tv.state === "live");
  phone.add(A);
  const operation = kids.add(B);
  assert.deepEqual([contentsOf(phone), contentsOf(kids), phone.queueLength], [[A], [B], 2]);
  assert.deepEqual(
    [kids.items[0]?.pending, kids.has(B.toUpperCase()), phone.has(B), kids.has(A)],
    [true, true, false, false],
  );
  const confirmed: string[] = [];
  phone.addEventListener("confirmed", ({ operation_id, list, content_id }) =>
    confirmed.push(`${operation_id === operation.operation_id} ${list} ${content_id}`),
  );
  await Promise.all([shows(tv, tv, A), shows(tv, kidsOfTv, B), isSettled(phone)]);
  assert.deepEqual(new Set(confirmed), new Set([`false undefined ${A}`, `true kids ${B}`]));
  kidsOfTv.addMany([A, C]);
  kidsOfTv.removeMany([B]);
  await shows(phone, kids, C, A);
  assert.deepEqual([contentsOf(phone), kids.revision, phone.revision], [[A], 4, 1]);
});

test("lists that are opened together take one more connection, which goes on with what is known of each", async () => {
  const sockets: string[] = [];
  const phone = device("phone", { sockets });
  await phone.signIn(user);
  phone.add(A);
  await isSettled(phone);
  const [kids, party] = [phone.list("kids"), phone.list("party")];
  await until(phone, () => sockets.length === 2 && phone.state === "live");
  kids.add(B);
  party.add(C);
  await isSettled(phone);
  phone.disconnect();
  phone.connect();
  await until(phone, () => sockets.length === 3 && phone.state === "live");
  const followed = sockets.map((search) => new URLSearchParams(search).getAll("since").join(" "));
  assert.equal(followed[0], "0");
  assert.match(followed[1] ?? "", /^watchlist:1:\w+ list:kids:0 list:party:0$/u);
  assert.match(followed[2] ?? "", /^watchlist:1:(?<epoch>\w+) list:kids:1:\k<epoch> list:party:1:\k<epoch>$/u);
});

test("offline changes of a list survive a restart, and are sent although the app does not open the list", async () => {
  const store = new MemoryStore();
  const [offline, tv] = [device("phone", { store }), device("tv")];
  const kidsOfTv = tv.list("kids");
  await offline.signIn(user);
  offline.disconnect();
  const kids = offline.list("kids");
  await Promise.all([kids.add(A, { position: "b" }), kids.add(B, { position: "a" }), kids.remove(A)]);
  assert.deepEqual([contentsOf(kids), contentsOf(offline)], [[B], []]);
  await offline.close();
  const phone = device("phone", { store });
  await Promise.all([phone.signIn(user), tv.signIn(user)]);
  await shows(tv, kidsOfTv, B);
  await isSettled(phone);
  assert.deepEqual([contentsOf(phone), contentsOf(phone.list("kids"))], [[], [B]]);
});

test("items are in order of position, and an add changes only the fields it names", async () => {
  const [phone, tv] = [device("phone"), device("tv")];
  await Promise.all([phone.signIn(user), tv.signIn(user)]);
  const data = { note: "with subtitles" };
  phone.add(A);
  phone.add(B, { position: "b", data });
  data.note = "changed by the app, later";
  phone.add(C, { position: "a" });
  assert.deepEqual(contentsOf(phone), [C, B, A]);
  await shows(tv, tv, C, B, A);
  const [atC, atB, atA] = tv.items;
  assert.deepEqual(
    [atC?.position, atB?.position, atB?.data, atA?.position],
    ["a", "b", { note: "with subtitles" }, undefined],
  );
  tv.add(B, { position: "a" });
  assert.deepEqual([contentsOf(tv), tv.items[0]?.data], [[B, C, A], { note: "with subtitles" }]);
  await until(phone, () => contentsOf(phone).join() === [B, C, A].join());
  phone.add(B, { data: {} });
  await until(tv, () => JSON.stringify(tv.items[0]?.data) === "{}");
  assert.deepEqual([tv.items[0]?.content_id, tv.items[0]?.position, tv.items[1], tv.items[2]], [B, "a", atC, atA]);
});

test("a field or a list's id that is not valid is refused at once", () => {
  const phone = device("phone");
  assert.throws(() => phone.list("for the kids"), { name: "TypeError", message: /^list: /u });
  const kids = phone.list("kids");
  assert.throws(() => kids.add(A), { message: "Nobody is signed in." });
  void phone.signIn(user);
  return until(phone, () => phone.user !== null).then(() => {
    assert.throws(() => kids.add(A, { position: "no blanks" }), { name: "TypeError", message: /^position: /u });
    assert.throws(() => kids.add(A, { data: [] as never }), { name: "TypeError", message: /^data: /u });
    assert.throws(() => kids.add("kids"), { name: "TypeError", message: /^content_id: /u });
    assert.deepEqual([kids.items, phone.queueLength], [[], 0]);
  });
});

test("a deleted list is empty, and a new one with its id starts afresh", async () => {
  const [phone, tv] = [device("phone"), device("tv")];
  const [kids, kidsOfTv] = [phone.list("kids"), tv.list("kids")];
  await Promise.all([phone.signIn(user), tv.signIn(user)]);
  kids.add(A);
  phone.add(B);
  await Promise.all([shows(tv, kidsOfTv, A), shows(tv, tv, B), isSettled(phone)]);
  const resumed: unknown[] = [];
  tv.addEventListener("resumed", ({ recovered, list }) => resumed.push([recovered, list]));
  await kids.delete();
  await Promise.all([shows(phone, kids), shows(tv, kidsOfTv)]);
  assert.deepEqual([resumed, contentsOf(tv), tv.state], [[[false, "kids"]], [B], "live"]);
  kidsOfTv.add(C);
  await Promise.all([shows(phone, kids, C), shows(tv, kidsOfTv, C)]);
});

test("lists have names, which are read and set over the network only", async () => {
  const phone = device("phone");
  await assert.rejects(phone.lists(), { message: "Nobody is signed in." });
  await phone.signIn(user);
  const kids = phone.list("kids");
  assert.deepEqual(await phone.lists(), []);
  assert.deepEqual(await kids.rename("For the kids"), { list: "kids", name: "For the kids", revision: 0 });
  await kids.rename("Kids");
  assert.deepEqual(await phone.lists(), [{ list: "kids", name: "Kids", revision: 0 }]);
  await assert.rejects(kids.rename(""), { name: "Error", message: /name/u });
  await kids.delete();
  await kids.delete();
  assert.deepEqual(await phone.lists(), []);
  const offline = new SyncClient({ url: "http://127.0.0.1:1", getToken: () => mint(user, "tv"), database: null });
  clients.push(offline);
  await offline.signIn(user);
  await assert.rejects(offline.lists(), { message: "the service was not reached" });
});

test("a user's request is not made for the next user, however long its part takes to load", async () => {
  const phone = device("phone");
  const kids = phone.list("kids");
  const alice = user;
  await phone.signIn(alice);
  user = `${alice}, another`;
  const signedIn = phone.signIn(user);
  const asked = [
    phone.lists(),
    kids.rename("of alice"),
    kids.delete(),
    phone.handoff("tv", A),
    phone.send("tv", "play"),
  ];
  const ends = await Promise.allSettled([kids.move(A), ...asked]);
  assert.deepEqual(
    ends.map((end) => end.status === "rejected" && end.reason.message),
    ["The user was signed out.", ...asked.map(() => "no token: the token is another user's")],
  );
  await signedIn;
  await isSettled(phone);
  assert.deepEqual([phone.user, contentsOf(kids), await phone.lists()], [user, [], []]);
});

test("a list that is written to is followed, even if no app has opened it here", () => {
  const core = new Core({ nowMs: () => 1, random: () => 0, newReplica: () => "r" });
  core.signIn(user, null);
  core.enqueue("add", prefixOf("kids") + A);
  const targets = core.token({ value: "t" }).flatMap((output) => (output.type === "open" ? [output.target] : []));
  assert.deepEqual(targets, ["/ws?snapshot=pieces&since=watchlist:0&since=list:kids:0"]);
});

test("after a log-out with `erase` nothing is left of any list", async () => {
  const store = new MemoryStore();
  const phone = device("phone", { store });
  await phone.signIn(user);
  phone.disconnect();
  await phone.list("kids").add(A);
  await phone.signOut({ erase: true });
  assert.deepEqual([await store.read(user), contentsOf(phone.list("kids"))], [null, []]);
});
