/** Runs clients/conformance/scenarios.json: what every client does, whatever its language. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Core } from "../src/core.js";
import type { SyncEvent } from "../src/events.js";
import { type Action, type ClientMessage, decode } from "../src/messages.js";
import type { Output, Timer } from "../src/outputs.js";
import type { Token } from "../src/token.js";
import { UserState } from "../src/user_state.js";

type Step = Record<string, unknown>;
type Fields = Readonly<Record<string, unknown>>;

interface ScenarioFile {
  readonly version: number;
  readonly names: Fields;
  readonly scenarios: readonly { readonly name: string; readonly steps: readonly Step[] }[];
}

const START_MS = 1_764_000_000_000;

/** A core, and in memory all that surrounds it. */
class Runner {
  #core = this.#start();
  #replicas = 0;
  #nowMs = START_MS;
  #random = 0.5;
  readonly #kept = new Map<string, UserState>();
  readonly #timers = new Map<Timer, number>();
  #isAsked = false;
  #opens: { target: string; token: string }[] = [];
  #sent: ClientMessage[] = [];
  #events: SyncEvent[] = [];
  #hasClosed = false;

  get unnamedMessages(): readonly ClientMessage[] {
    return this.#sent;
  }

  run(step: Step): void {
    if ("app" in step) this.#app(step["app"] as string | Fields, step["raises"] === true);
    else if ("token" in step && !("expect_url" in step)) this.#answer(() => this.#core.token(step["token"] as Token));
    else if ("token_failed" in step) this.#answer(() => this.#core.tokenFailed());
    else if ("open" in step) this.#perform(this.#core.opened());
    else if ("open_failed" in step) {
      const { status, retry_after_s } = step["open_failed"] as { status?: number; retry_after_s?: number };
      this.#attemptEnds(() => this.#core.openFailed(status, retry_after_s));
    } else if ("server" in step) this.#perform(this.#core.received(decode(JSON.stringify(step["server"]))));
    else if ("close" in step) this.#attemptEnds(() => this.#core.closed(step["close"] as number));
    else if ("clock" in step) this.#nowMs = step["clock"] as number;
    else if ("advance" in step) this.#advance(step["advance"] as number);
    else if ("random" in step) this.#random = step["random"] as number;
    else if ("restart" in step) this.#restart();
    else this.#expect(step);
  }

  #start(): Core {
    return new Core({
      nowMs: () => this.#nowMs,
      random: () => this.#random,
      newReplica: () => {
        this.#replicas += 1;
        return `r${this.#replicas}`;
      },
    });
  }

  #restart(): void {
    this.#core = this.#start();
    this.#timers.clear();
    this.#isAsked = false;
    this.#hasClosed = false;
    this.#opens = [];
    this.#sent = [];
    this.#events = [];
  }

  #app(call: string | Fields, raises: boolean): void {
    const act = (): Output[] => {
      if (call === "connect") return this.#core.connect();
      if (call === "disconnect") return this.#core.disconnect();
      const [name, value] = Object.entries(call as Fields)[0] ?? [];
      if (name === "sign_in") return this.#core.signIn(value as string, this.#load(value as string));
      if (name === "sign_out") return this.#core.signOut((value as { erase: boolean }).erase);
      assert.ok(name === "add" || name === "remove", `an app cannot ${String(name)}`);
      return this.#core.enqueue(name satisfies Action, value as string);
    };
    if (raises) assert.throws(act);
    else this.#perform(act());
  }

  #load(user: string): UserState | null {
    const kept = this.#kept.get(user);
    return kept === undefined ? null : new UserState(kept.head, kept.items.values(), kept.queue.values());
  }

  #answer(input: () => Output[]): void {
    assert.ok(this.#isAsked, "no ask_token waits");
    this.#isAsked = false;
    this.#perform(input());
  }

  #attemptEnds(input: () => Output[]): void {
    this.#isAsked = false;
    this.#perform(input());
  }

  #advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      const [timer, dueMs] = next;
      this.#timers.delete(timer);
      this.#nowMs = dueMs;
      this.#perform(this.#core.due(timer));
    }
    this.#nowMs = endMs;
  }

  #nextDue(endMs: number): [Timer, number] | undefined {
    const due = [...this.#timers].filter(([, dueMs]) => dueMs <= endMs);
    return due.sort((a, b) => a[1] - b[1])[0];
  }

  #perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      switch (output.type) {
        case "ask_token":
          this.#isAsked = true;
          break;
        case "open":
          this.#opens.push(output);
          break;
        case "send":
          this.#sent.push(output.message);
          break;
        case "close":
          this.#hasClosed = true;
          this.#isAsked = false;
          break;
        case "start_timer":
          this.#timers.set(output.timer, this.#nowMs + output.afterMs);
          break;
        case "stop_timer":
          this.#timers.delete(output.timer);
          break;
        case "save": {
          const kept = this.#kept.get(output.userId) ?? UserState.empty("");
          for (const change of output.changes) kept.apply(change);
          if (output.changes.some((change) => "erase" in change)) this.#kept.delete(output.userId);
          else this.#kept.set(output.userId, kept);
          break;
        }
        case "emit":
          this.#events.push(output.event);
      }
    }
  }

  #expect(step: Step): void {
    if ("expect_state" in step) assert.equal(this.#core.state, step["expect_state"]);
    else if ("expect_token" in step) assert.equal(this.#isAsked, step["expect_token"]);
    else if ("expect_url" in step) {
      const expected = step["expect_url"] === null ? [] : [step["expect_url"]];
      assert.deepEqual(
        this.#opens.map((open) => open.target),
        expected,
      );
      if ("token" in step) assert.equal(this.#opens[0]?.token, step["token"]);
      this.#opens = [];
    } else if ("expect_sent" in step) {
      const expected = step["expect_sent"] as Fields[];
      assert.equal(this.#sent.length, expected.length, `sent: ${JSON.stringify(this.#sent)}`);
      expected.forEach((fields, index) => {
        assertFields(this.#sent[index] as unknown as Fields, fields);
      });
      this.#sent = [];
    } else if ("expect_list" in step) {
      const expected = step["expect_list"] as (string | Fields)[];
      const list = this.#core.stored?.list() ?? [];
      assert.deepEqual(
        list.map((item) => item.content_id),
        expected.map((item) => (typeof item === "string" ? item : item["content_id"])),
      );
      expected.forEach((item, index) => {
        if (typeof item !== "string") assertFields(list[index] as unknown as Fields, item);
      });
    } else if ("expect_queue" in step) assert.equal(this.#core.stored?.queue.size ?? 0, step["expect_queue"]);
    else if ("expect_event" in step) {
      const fields = step["expect_event"] as Fields;
      const index = this.#events.findIndex((event) => event.type === fields["type"]);
      assert.notEqual(index, -1, `${String(fields["type"])} is not among ${JSON.stringify(this.#events)}`);
      assertFields(this.#events[index] as unknown as Fields, fields);
      this.#events = this.#events.slice(index + 1);
    } else if ("expect_no_event" in step)
      assert.ok(this.#events.every((event) => event.type !== step["expect_no_event"]));
    else if ("expect_reconnect" in step)
      this.#expectReconnect(step["expect_reconnect"] as { in_ms?: number; max_ms?: number } | null);
    else if ("expect_closed" in step) {
      assert.equal(this.#hasClosed, step["expect_closed"]);
      this.#hasClosed = false;
    } else assert.fail(`unknown step ${JSON.stringify(step)}`);
  }

  #expectReconnect(expected: { in_ms?: number; max_ms?: number } | null): void {
    const dueMs = this.#timers.get("reconnect");
    if (expected === null) {
      assert.equal(dueMs, undefined);
      return;
    }
    assert.ok(dueMs !== undefined, "the timer reconnect does not run");
    if (expected.in_ms !== undefined) assert.equal(dueMs - this.#nowMs, expected.in_ms);
    if (expected.max_ms !== undefined) assert.ok(dueMs - this.#nowMs <= expected.max_ms);
  }
}

/** `null` means absent; fields that are not named are not compared. */
function assertFields(actual: Fields, expected: Fields): void {
  for (const [name, value] of Object.entries(expected))
    assert.deepEqual(actual[name] ?? null, value, `${name} of ${JSON.stringify(actual)}`);
}

function resolve(value: unknown, names: Fields): unknown {
  if (typeof value === "string" && value.startsWith("$")) {
    assert.ok(value.slice(1) in names, `${value} is not defined`);
    return resolve(names[value.slice(1)], names);
  }
  if (Array.isArray(value)) return value.map((each) => resolve(each, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each, names)]));
}

const file = JSON.parse(readFileSync("../conformance/scenarios.json", "utf8")) as ScenarioFile;
assert.equal(file.version, 1);
for (const { name, steps } of file.scenarios) {
  test(name, () => {
    const runner = new Runner();
    steps.forEach((step, index) => {
      try {
        runner.run(resolve(step, file.names) as Step);
      } catch (error) {
        if (error instanceof Error) error.message = `step ${index + 1}, ${JSON.stringify(step)}: ${error.message}`;
        throw error;
      }
    });
    assert.deepEqual(runner.unnamedMessages, [], "sent, but no expect_sent named it");
  });
}
