/** Registers as the app sees them: the same array, with the same items in it, until they change. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEVICES, LISTS, PROGRESS, prefixOf } from "../../src/data/keys.js";
import {
  begunIn,
  byIdIn,
  devicesOf,
  progressOf,
  saysAlready,
  type Transient,
  VIEWS,
} from "../../src/data/register_views.js";
import { UserState } from "../../src/data/user_state.js";

const stamp = (physical: number) => ({ physical, logical: 0, node: "n" });

const [FILM_A, FILM_B, TV] = [`${prefixOf(PROGRESS)}a`, `${prefixOf(PROGRESS)}b`, `${prefixOf(DEVICES)}tv`] as const;

function put(state: UserState, key: string, physical: number, data: object): void {
  state.apply({ put: { content_id: key, timestamp: stamp(physical), rank: 0, device_id: "tv", data: { ...data } } });
}

test("items that do not change stay the same objects, and so does the array", () => {
  const state = UserState.empty("r");
  put(state, FILM_A, 1, { position_seconds: 90, duration_seconds: 100, state: "paused" });
  put(state, FILM_B, 2, { position_seconds: 1, state: "playing" });
  const before = progressOf(state);
  state.apply({ put: { content_id: "film", timestamp: stamp(3), rank: 0, device_id: null } });
  assert.equal(progressOf(state), before);
  put(state, FILM_B, 4, { position_seconds: 2, state: "playing" });
  const after = progressOf(state);
  assert.deepEqual(
    after.map(({ content_id, position_seconds, watched }) => [content_id, position_seconds, watched]),
    [
      ["b", 2, false],
      ["a", 90, true],
    ],
  );
  assert.deepEqual([after[1] === before[1], after[0] === before[0], Object.isFrozen(after)], [true, false, true]);
});

test("what is derived from a collection is the same object until that changes, or React would render for ever", () => {
  const state = UserState.empty("r");
  put(state, FILM_A, 1, { position_seconds: 95, duration_seconds: 100, state: "paused" });
  put(state, FILM_B, 2, { position_seconds: 1, state: "playing" });
  const items = progressOf(state);
  assert.deepEqual(begunIn(items), [items[0]]);
  assert.equal(begunIn(progressOf(state)), begunIn(items));
  assert.ok(Object.isFrozen(begunIn(items)));
  assert.deepEqual([byIdIn(items).get("a"), byIdIn(items) === byIdIn(progressOf(state))], [items[1], true]);
  put(state, FILM_B, 3, { position_seconds: 2, state: "playing" });
  assert.deepEqual(begunIn(progressOf(state))[0]?.position_seconds, 2);
});

test("the catalogue stays the same array in a tab that gets an equal copy of it with each message of its leader", () => {
  const state = UserState.empty("r");
  const transient: Transient = { version: 1, held: [], hints: null, lists: [{ list: "kids", name: "For the kids" }] };
  const lists = VIEWS[LISTS](state, [], structuredClone(transient));
  assert.deepEqual([lists, Object.isFrozen(lists)], [transient.lists, true]);
  assert.equal(VIEWS[LISTS](state, [], structuredClone(transient)), lists);
  assert.deepEqual(VIEWS[LISTS](state, [], { ...transient, lists: [] }), []);
  assert.equal(VIEWS[LISTS](state, [], null), VIEWS[LISTS](state, [], null));
});

test("held reports are shown on top, even if the device's clock is wrong", () => {
  const state = UserState.empty("r");
  put(state, FILM_A, 1000, { position_seconds: 90, duration_seconds: 100, state: "playing", watched: true });
  const contentId = `${prefixOf(PROGRESS)}a`;
  const report = {
    operation: "report",
    content_id: contentId,
    timestamp: stamp(1),
    data: { position_seconds: 5, state: "playing" },
  };
  const transient = { version: 1, held: [report], hints: null } as Transient;
  const [item] = progressOf(state, [], transient);
  assert.deepEqual(
    [item?.position_seconds, item?.duration_seconds, item?.watched, item?.completion_percent, item?.pending],
    [5, 100, false, 5, true],
  );
  assert.equal(progressOf(state, [], { ...transient, version: 2, held: [] })[0]?.position_seconds, 90);
});

test("`saysAlready` holds for what the service knows of a device, and for nothing else", () => {
  const state = UserState.empty("r");
  put(state, TV, 1, { device_name: "TV", capabilities: { can_cast: true } });
  const [tv] = devicesOf(state);
  assert.ok(saysAlready(tv, { device_name: "TV", platform: null, capabilities: { can_cast: true } }));
  assert.ok(!saysAlready(tv, { device_name: "Television" }));
  assert.ok(!saysAlready(tv, { platform: "webos" }));
  assert.ok(!saysAlready(undefined, {}));
});
