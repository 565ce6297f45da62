/** A store that fails in every way, and the `GuardedStore` around it. */

import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";

import { UserCollections } from "../../src/data/user_collections.js";
import type { Change, Stored } from "../../src/data/user_state.js";
import { GuardedStore } from "../../src/stores/guarded_store.js";
import { MemoryStore } from "../../src/stores/memory_store.js";

/** Rejects, hangs or lies as long as it is told to. */
export class BadStore extends MemoryStore {
  behaviour: "good" | "rejects" | "hangs" | "lies" = "good";

  override claim(userId: string): Promise<Stored | null> {
    if (this.behaviour === "lies") return Promise.resolve({ items: "?" } as unknown as Stored);
    return this.#behave(() => super.claim(userId));
  }

  override save(userId: string, changes: readonly Change[]): Promise<void> {
    return this.#behave(() => super.save(userId, changes));
  }

  #behave<T>(call: () => Promise<T>): Promise<T> {
    if (this.behaviour === "rejects") throw new Error("QuotaExceededError");
    return this.behaviour === "hangs" ? new Promise(() => {}) : call();
  }
}

export function open(context: TestContext) {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  context.mock.method(Math, "random", () => 0);
  const store = new BadStore();
  const told: string[] = [];
  const merged: string[] = [];
  let replicas = 0;
  const guarded = new GuardedStore(store, "persistent", {
    newReplica: () => {
      replicas += 1;
      return `memory ${replicas}`;
    },
    onStorage: (storage, reason) => told.push(`${storage}: ${reason}`),
    onMerged: (userId) => merged.push(userId),
  });
  context.after(() => guarded.close());
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      context.mock.timers.tick(1000);
      await setImmediate();
    }
  };
  return { store, told, merged, guarded, pass };
}

/** A client's list, as it is claimed. */
export async function claim(guarded: GuardedStore, replica = "disk"): Promise<UserCollections> {
  return new UserCollections("alice", await guarded.claim("alice", false, null), () => replica);
}

export async function save(guarded: GuardedStore, lists: UserCollections): Promise<void> {
  await guarded.save("alice", lists.takeChanges().changes);
}

export function contentsOf(stored: Stored | null): string[] {
  return (stored?.queue ?? []).map((write) => write.content_id);
}
