/** An app of React Native, with a store of its own. */

import { type Operation, type Store, SyncClient } from "syncd-client";
import { type SyncState, useDevices, useItem, useProgress, useSyncState, useWatchlist } from "syncd-client/react";
import { AsyncStorageStore, type TextStorage } from "syncd-client/stores";

declare const storage: TextStorage;
const store: Store = new AsyncStorageStore(storage);
const client = new SyncClient({ url: "https://sync.example.com", getToken: () => null, store });

export const operation: Operation = client.add("a");
export const isPending = (): boolean | undefined => useItem(client, "a")?.pending;
export const isWatched = (): boolean | undefined => useProgress(client)[0]?.watched;
export const isOnline = (): boolean | null | undefined => useDevices(client)[0]?.is_online;
export const length = (): number => useWatchlist(null).length;
export const state = (): SyncState["state"] => useSyncState(client).state;
