/** Held reports, in one tab and in those that follow it. What cores do with them is tested by the scenarios. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Core } from "../../src/core/core.js";
import { DEVICES, PROGRESS, prefixOf } from "../../src/data/keys.js";
import type { ProgressItem } from "../../src/data/register_views.js";
import { Reports } from "../../src/data/reports.js";
import { UserState } from "../../src/data/user_state.js";
import { loadRegisters } from "../../src/parts.js";
import { GuardedStore } from "../../src/stores/guarded_store.js";
import { MemoryStore } from "../../src/stores/memory_store.js";
import type { TabMessage } from "../../src/tabs/tab_message.js";
import { TabSession } from "../../src/tabs/tab_session.js";
import { content } from "../contents.js";
import { FakeService } from "../fake_service.js";

const A = content(1);
const KEY = prefixOf(PROGRESS) + A;

/** Tabs of one browser, of which the first leads until it is closed. */
class Browser {
  readonly service = new FakeService();
  readonly store = new MemoryStore();
  readonly #tabs = new Map<object, { onMessage: (message: TabMessage) => void; grant: () => void }>();

  open(name: string, ...lists: string[]): { session: TabSession; until: (isSo: () => boolean) => Promise<void> } {
    const waiting: (() => void)[] = [];
    const lookAgain = (): void => {
      for (const look of waiting) look();
    };
    const deps = { newReplica: () => `${name}'s`, onStorage: () => undefined, onMerged: () => undefined };
    const session = new TabSession(
      "alice",
      {
        service: { address: "ws://fake", getToken: () => "t", WebSocket: this.service.socketClass },
        store: new GuardedStore(this.store, "persistent", deps),
        openTabs: (_user, onMessage) => this.#newTab(onMessage),
        onEvents: () => setTimeout(lookAgain),
      },
      new Map(lists.map((list) => [list, null])),
    );
    const until = (isSo: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (isSo()) resolve();
        };
        waiting.push(look);
        look();
      });
    return { session, until };
  }

  #newTab(onMessage: (message: TabMessage) => void) {
    const tab = {};
    this.#tabs.set(tab, { onMessage, grant: () => undefined });
    return {
      canTell: true,
      tell: (message: TabMessage): void => {
        for (const [other, each] of this.#tabs)
          if (other !== tab) setTimeout(each.onMessage, 0, structuredClone(message));
      },
      lead: (onGranted: () => void): void => {
        this.#tabs.set(tab, { onMessage, grant: onGranted });
        if (this.#tabs.size === 1) onGranted();
      },
      takeLead: (): void => assert.fail("the leader answers"),
      close: (): void => {
        this.#tabs.delete(tab);
        Array.from(this.#tabs.values())[0]?.grant();
      },
    };
  }
}

function shown(session: TabSession): unknown[] {
  const items = (session.registers(PROGRESS) ?? []) as readonly ProgressItem[];
  return items.map(({ position_seconds, pending }) => `${position_seconds} ${pending}`);
}

function report(session: TabSession, positionSeconds: number, state = "playing"): Promise<void> {
  return session.write("report", [KEY], { data: { position_seconds: positionSeconds, state } }).stored;
}

function open(context: TestContext) {
  const browser = new Browser();
  const [leader, follower] = [browser.open("one"), browser.open("two", PROGRESS)];
  context.after(() => Promise.all([leader.session.close(), follower.session.close()]));
  return { browser, leader, follower };
}

test("a tab's report is held by the leader, shown in every tab, and written by a flush", async (context) => {
  const { browser, leader, follower } = open(context);
  for (const { session, until } of [leader, follower])
    await until(() => session.state === "live" && session.registers(PROGRESS) !== null);
  await report(follower.session, 10);
  await leader.until(() => leader.session.queueLength === 0);
  await report(follower.session, 11);
  await report(follower.session, 12);
  for (const { session, until } of [leader, follower]) await until(() => shown(session).join() === "12 true");
  assert.deepEqual([leader.session.queueLength, browser.service.written.size], [0, 1]);
  follower.session.flush();
  for (const { session, until } of [leader, follower]) await until(() => shown(session).join() === "12 false");
  const positions = Array.from(browser.service.written.values(), ({ position_seconds }) => position_seconds);
  assert.deepEqual(positions, [10, 12]);
});

test("held reports of thousands of contents are gathered when they are read, and not at each report", async (context) => {
  const core = new Core({ nowMs: () => 1, random: () => 0, newReplica: () => "r" });
  core.useRegisters(await loadRegisters());
  core.signIn("alice", null);
  const gathered = context.mock.getter(Reports.prototype, "held");
  for (const position of [10, 11]) {
    for (let index = 0; index < 100; index += 1) {
      const data = { position_seconds: position, state: "playing" };
      core.enqueue("report", prefixOf(PROGRESS) + content(index), { data });
    }
  }
  assert.equal(gathered.mock.callCount(), 0);
  const { transient } = core;
  assert.deepEqual([transient?.held.length, core.transient === transient], [100, true]);
  core.flush();
  assert.deepEqual(core.transient?.held, []);
});

test("held reports are written when the tab is closed, or by the next leader", async (context) => {
  const { browser, leader, follower } = open(context);
  for (const { session, until } of [leader, follower])
    await until(() => session.state === "live" && session.registers(PROGRESS) !== null);
  for (const position of [10, 11, 12]) await report(leader.session, position);
  await follower.until(() => shown(follower.session).join() === "12 true");
  await leader.session.close();
  const stored = await browser.store.read("alice");
  assert.equal(stored?.queue.at(-1)?.data?.["position_seconds"], 12);
  await follower.until(() => follower.session.state === "live" && shown(follower.session).join() === "12 false");
  for (const position of [13, 14]) await report(follower.session, position);
  follower.session.restart(); // its store has failed, say
  await follower.until(() => shown(follower.session).join() === "14 false");
});

test("a report that is not valid, from a tab that could not check it, is refused by the service and holds nothing up", async (context) => {
  const { browser, leader, follower } = open(context);
  browser.service.refused.add(A);
  for (const { session, until } of [leader, follower])
    await until(() => session.state === "live" && session.registers(PROGRESS) !== null);
  await report(follower.session, Number.NaN, "paused");
  await report(follower.session, -1, "paused");
  await leader.until(() => browser.service.written.size > 0 && leader.session.queueLength === 0);
  await follower.until(() => shown(follower.session).length === 0);
  assert.equal(follower.session.queueLength, 0);
});

test("reports that another tab held are written with the time of the report", async (context) => {
  const browser = new Browser();
  const { session, until } = browser.open("one", PROGRESS);
  context.after(() => session.close());
  await until(() => session.state === "live" && session.registers(PROGRESS) !== null);
  for (const position of [10, 11]) await report(session, position);
  await until(() => shown(session).join() === "11 true");
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 3_600_000 });
  session.restart(); // an hour later
  await until(() => shown(session).join() === "11 false");
  const stamps = Array.from(browser.service.written.values(), ({ timestamp }) => timestamp as { physical: number });
  assert.equal(stamps.length, 2);
  assert.ok((stamps.at(-1)?.physical ?? Number.POSITIVE_INFINITY) < Date.now() - 3_500_000);
});

test("writes queued before the part for registers came say the same as if it had been there", async () => {
  const stored = UserState.empty("r");
  const core = new Core({ nowMs: () => 2, random: () => 0, newReplica: () => "r" });
  core.signIn("alice", stored);
  core.enqueue("update", KEY, { data: { position_seconds: 1, duration_seconds: 100 } });
  core.enqueue("update", KEY, { data: { position_seconds: 2, duration_seconds: null, watched: null } });
  core.useRegisters(await loadRegisters());
  const said = { position_seconds: 2, duration_seconds: 100, state: "playing" };
  assert.deepEqual(
    Array.from(stored.queue.values(), ({ data }) => data),
    [said],
  );
});

test("writes queued before the part for registers came are dropped if they say nothing new", async () => {
  const [B, tv, phone] = [prefixOf(PROGRESS) + content(2), `${prefixOf(DEVICES)}tv`, `${prefixOf(DEVICES)}phone`];
  const known = { timestamp: { physical: 1, logical: 0, node: "n" }, rank: 1, device_id: null };
  const stored = UserState.empty("r");
  stored.apply({ put: { ...known, content_id: tv, data: { device_name: "TV", platform: "tvos" } } });
  const core = new Core({ nowMs: () => 2, random: () => 0, newReplica: () => "r" });
  core.signIn("alice", stored);
  core.enqueue("update", KEY, { data: { position_seconds: 1, duration_seconds: 100, state: "playing" } });
  core.enqueue("update", B, { data: { position_seconds: 1, state: "paused" } });
  core.enqueue("remove", B);
  core.enqueue("update", KEY, { data: { position_seconds: 2, state: "paused" } });
  core.enqueue("update", tv, { data: { device_name: "TV" } });
  core.enqueue("update", tv, { data: { device_name: "Den" } });
  core.enqueue("update", tv, { data: { device_name: "TV" } });
  core.enqueue("update", phone, { data: {} });
  core.useRegisters(await loadRegisters());
  assert.deepEqual(
    Array.from(stored.queue.values(), ({ operation, content_id, data }) => [operation, content_id, data]),
    [
      ["update", B, { position_seconds: 1, state: "paused" }],
      ["remove", B, undefined],
      ["update", KEY, { position_seconds: 2, duration_seconds: 100, state: "paused" }],
      ["update", tv, { device_name: "Den" }],
      ["update", tv, { device_name: "TV" }],
      ["update", phone, {}],
    ],
  );
});
