/** An app of React Native, with a store of its own. */

import { type ListItem, type Operation, type Store, SyncClient } from "syncd-client";
import { type SyncState, useDevices, useItem, useProgress, useSyncState, useWatchlist } from "syncd-client/react";
import { AsyncStorageStore, type TextStorage } from "syncd-client/stores";

declare const storage: TextStorage;
const store: Store = new AsyncStorageStore(storage);
declare const url: string | undefined; // as an environment's variables are
const client = new SyncClient({ url, getToken: () => null, store, database: undefined, contentIds: undefined });

interface Note {
  readonly text: string;
}
declare const note: Note;
declare const position: string | undefined;

export const operation: Operation = client.add("a", { data: note, position });
export const named: Operation | null = client.devices.update("tv", { device_name: position, capabilities: note });
export const play = (): void =>
  client.progress.update("a", { position_seconds: 1, watched: undefined, state: "paused" });
export const isPending = (): boolean | undefined => useItem(client, "a")?.pending;
export const isWatched = (): boolean | undefined => useProgress(client)[0]?.watched;
export const isOnline = (): boolean | null | undefined => useDevices(client)[0]?.is_online;
/** As the service answers, and as README.md makes a snapshot of it. */
declare const answer: { items: { content_id: string; added_at: string; device_id?: string; position?: string }[] };
const timestampOf = (time: string): ListItem["timestamp"] => ({ physical: Date.parse(time), logical: 0, node: "" });
const snapshot = answer.items.map(({ added_at, device_id = null, ...item }) => ({
  ...item,
  device_id,
  pending: false,
  timestamp: timestampOf(added_at),
}));
export const length = (): number => useWatchlist(null, snapshot).length;
export const state = (): SyncState["state"] => useSyncState(client).state;
