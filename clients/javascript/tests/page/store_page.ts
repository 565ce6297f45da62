/** Functions that the tests of the browser's store call in their page. */

import { UserCollections } from "../../src/data/user_collections.js";
import { IndexedDbStore } from "../../src/stores/indexeddb_store.js";
import { SyncClient } from "../../src/syncd-client.js";
import { FakeService } from "../fake_service.js";
import { checkStore } from "../store_contract.js";

let names = 0;

const page = {
  service: new FakeService(),
  events: [] as string[],
  reasons: [] as string[],

  /** A client of alice's, whose service is the page's; `isOnline`: it gets a token. */
  async open(isOnline: boolean, database: string): Promise<SyncClient> {
    const getToken = (): string | null => (isOnline ? "a-token" : null);
    const options = { url: "ws://fake", getToken, database, WebSocket: page.service.socketClass };
    const client = new SyncClient(options);
    client.addEventListener("storage", ({ storage, reason }) => {
      page.events.push(storage);
      page.reasons.push(reason);
    });
    client.addEventListener("confirmed", ({ operation_id }) => page.events.push(operation_id));
    await client.signIn("alice");
    return client;
  },

  /** The durability with which a change of the head, a write, and a write after the first read are saved. */
  async durabilities(): Promise<unknown[]> {
    const { transaction } = IDBDatabase.prototype;
    const asked: unknown[] = [];
    IDBDatabase.prototype.transaction = function (...given): IDBTransaction {
      asked.push(given[2]?.durability);
      return transaction.apply(this, given);
    };
    const store = new IndexedDbStore("durability", "client");
    await store.claim("alice", false);
    asked.length = 0;
    const lists = new UserCollections("alice", null, () => "r");
    await store.save("alice", [{ set: lists.state.head }]);
    for (const id of ["a", "b"]) {
      lists.enqueue("add", id, 1);
      await store.save("alice", lists.takeChanges().changes);
      store.close(); // the next call opens it again
    }
    Object.assign(IDBDatabase.prototype, { transaction });
    return asked;
  },

  checkIndexedDb(): Promise<void> {
    names += 1;
    return checkStore(() => new IndexedDbStore("contract", `client ${names}`));
  },
};

export type StorePage = typeof page;

Object.assign(globalThis, { page });
