/** What the tests of the browser's store call in their page. */

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

  checkIndexedDb(): Promise<void> {
    names += 1;
    return checkStore(() => new IndexedDbStore("contract", `client ${names}`));
  },
};

export type StorePage = typeof page;

Object.assign(globalThis, { page });
