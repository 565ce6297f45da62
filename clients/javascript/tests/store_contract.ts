/** What every store must do: keep the same as a state in memory, for the next client that opens it, too. */

import { prefixOf } from "../src/data/keys.js";
import type { PendingWrite } from "../src/data/stored.js";
import { type Change, type Stored, UserState } from "../src/data/user_state.js";
import type { Store } from "../src/stores/store.js";

const STEPS = 60;
const WHOLE_LIST = 1200;
const NODE = "n";

/** Changes as a client saves them, step by step: reproducible, and all kinds of them. */
function* batches(): Generator<readonly Change[]> {
  let seed = 7;
  const draw = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const put = (number: number, physical: number): Change => ({
    put: {
      content_id: number % 2 === 0 ? `c${number}` : `${prefixOf("kids")}c${number}`,
      timestamp: { physical, logical: 0, node: NODE },
      rank: number,
      device_id: null,
      ...(number % 3 === 0 && { position: `p${physical}`, data: { note: number } }),
    },
  });
  let number = 0;
  const queue = (): Change => {
    number += 1;
    const write: PendingWrite = {
      number,
      operation: "add",
      content_id: `c${draw(40)}`,
      operation_id: `r.${number}`,
      observed: 0,
      timestamp: { physical: number, logical: 0, node: NODE },
      origin: `t'${number}`,
    };
    return { queue: write };
  };
  yield [{ set: UserState.empty("r").head }];
  for (let step = 1; step <= STEPS; step += 1) {
    const lists = { [prefixOf("kids")]: { replica: "r", adds: number, revision: step, epoch: null } };
    const changes: Change[] = [{ set: { revision: step, operations: number, lists } }];
    for (let count = draw(4); count > 0; count -= 1)
      changes.push(
        ...[put(draw(40), step), { drop: `c${draw(40)}` }, queue(), { settle: draw(number + 1) }].slice(draw(4)),
      );
    if (step % 20 === 0)
      changes.push({ clear: true }, ...Array.from({ length: WHOLE_LIST }, (_, index) => put(index, step)), {
        drop: "c3",
      });
    yield changes;
  }
}

/** Throws an Error if a store breaks its promise; `open`: returns another client's store on the same data. */
export async function checkStore(open: () => Store): Promise<void> {
  let store = open();
  await expect("nothing is kept at first", await store.claim("alice", false), null);
  const state = UserState.empty("");
  let step = 0;
  for (const changes of batches()) {
    for (const change of changes) state.apply(change);
    const saved = store.save("alice", changes);
    if (step % 3 === 0) await saved; // else: in the order of the calls, without waiting
    step += 1;
    if (step % 10 !== 0) continue;
    await saved;
    store.close();
    store = open();
    await expect(`what step ${step} left`, await store.claim("alice", true), state.stored());
  }
  await expect("what is only looked at", await store.read("alice"), state.stored());
  await store.claim("alice/a", false);
  await store.save("alice/a", [{ set: UserState.empty("another").head }]);
  await store.save("alice", [{ erase: true }]);
  await expect("what was erased", await open().read("alice"), null);
  await expect("another user's", await open().read("alice/a"), UserState.empty("another").stored());
  store.close();
}

async function expect(what: string, found: Stored | null, wanted: Stored | null): Promise<void> {
  const [isNow, mustBe] = [found, wanted].map((stored) => JSON.stringify(sorted(stored)));
  if (isNow !== mustBe) throw new Error(`${what}: is\n${isNow}\nmust be\n${mustBe}`);
}

/** Items are in no order; a store may keep more fields than it was given. */
function sorted(stored: Stored | null): unknown {
  if (stored === null) return null;
  const { replica, adds, operations, clock, revision, epoch, lists } = stored.head;
  return {
    head: { replica, adds, operations, clock, revision, epoch, lists },
    items: stored.items
      .map(({ content_id, timestamp, rank, device_id, position, data }) => ({
        content_id,
        timestamp,
        rank,
        device_id,
        position,
        data,
      }))
      .sort((a, b) => (a.content_id < b.content_id ? -1 : 1)),
    queue: stored.queue.map(({ number, operation_id, origin }) => [number, operation_id, origin]),
  };
}
