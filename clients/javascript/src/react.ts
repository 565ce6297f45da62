/** The client in React 18 or newer: README.md. */

import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";

import {
  type ClientEvent,
  canonical,
  type DeviceItem,
  type ListItem,
  type ListName,
  type ProgressItem,
  type State,
  type Storage,
  type SyncClient,
} from "./syncd-client.js";

/** How a client stands. */
export interface SyncState {
  readonly user: string | null;
  readonly state: State;
  readonly storage: Storage;
  /** How many of the user's changes the service has not settled yet. */
  readonly queueLength: number;
  readonly revision: number;
}

const NO_ITEMS: readonly never[] = Object.freeze([]);

const NO_STATE: SyncState = Object.freeze({
  user: null,
  state: "signed_out",
  storage: "memory",
  queueLength: 0,
  revision: 0,
});

/** The events that may change a `SyncState`; a log-out is followed by an `updated`. */
const STATE_EVENTS = ["state", "storage", "updated"] as const;

/** The last state of each client: the same object until something in it changes. */
const states = new WeakMap<SyncClient, SyncState>();

/** The items of a list by content, made once for each list. */
const indexes = new WeakMap<readonly ListItem[], ReadonlyMap<string, ListItem>>();

/** What has items: a client, or its lists, progress, devices or catalogue, each the same object every time. */
interface Shown<Item> {
  readonly items: readonly Item[];
  subscribe(listener: () => void): () => void;
}

/** What `look` finds in the items; `snapshot`: the items on a server, or without a client. */
function useShown<Item, Found>(
  shown: Shown<Item> | null | undefined,
  snapshot: readonly Item[],
  look: (items: readonly Item[]) => Found,
): Found {
  return useSyncExternalStore(
    useCallback((onChange: () => void) => shown?.subscribe(onChange) ?? nothing, [shown]),
    () => look(shown?.items ?? snapshot),
    () => look(snapshot),
  );
}

function all<Item>(items: readonly Item[]): readonly Item[] {
  return items;
}

/**
 * The watchlist. `client`: null if there is none, as on a server. `snapshot`: the items that the server renders; they
 * are shown there, and during hydration.
 */
export function useWatchlist(client: SyncClient | null, snapshot: readonly ListItem[] = NO_ITEMS): readonly ListItem[] {
  return useShown(client, snapshot, all);
}

/** The same for a list beside the watchlist, by its id. */
export function useList(
  client: SyncClient | null,
  name: string,
  snapshot: readonly ListItem[] = NO_ITEMS,
): readonly ListItem[] {
  return useShown(client?.list(name), snapshot, all);
}

/** How far the user has come in each content, the last played first; empty on a server. */
export function useProgress(client: SyncClient | null): readonly ProgressItem[] {
  return useShown(client?.progress, NO_ITEMS, all);
}

/** The user's devices; empty on a server. */
export function useDevices(client: SyncClient | null): readonly DeviceItem[] {
  return useShown(client?.devices, NO_ITEMS, all);
}

/** Which lists the user has beside the watchlist; empty on a server. */
export function useCatalogue(client: SyncClient | null): readonly ListName[] {
  return useShown(client?.catalogue, NO_ITEMS, all);
}

/** Call `onCommand`, always the one of the latest render, with each command of another device. */
export function useCommands(client: SyncClient | null, onCommand: (command: ClientEvent<"command">) => void): void {
  const latest = useRef(onCommand);
  useEffect(() => {
    latest.current = onCommand;
  });
  useEffect(() => {
    const tell = (command: ClientEvent<"command">): void => latest.current(command);
    client?.addEventListener("command", tell);
    return () => client?.removeEventListener("command", tell);
  }, [client]);
}

/**
 * A content's item, undefined while the list has none; only changes of this item render the component again.
 * `contentId`: null or undefined for no content. Throws a TypeError if it is not valid.
 */
export function useItem(
  client: SyncClient | null,
  contentId: string | null | undefined,
  snapshot: readonly ListItem[] = NO_ITEMS,
): ListItem | undefined {
  const id = contentId === null || contentId === undefined ? null : idOf(client, contentId);
  return useShown(client, snapshot, (items) => find(items, id));
}

/** Without a client, which ids the service accepts is not known: a UUID becomes canonical, other text stays. */
function idOf(client: SyncClient | null, contentId: string): string {
  if (client !== null) return canonical(contentId, client.contentIds);
  try {
    return canonical(contentId);
  } catch {
    return canonical(contentId, "text");
  }
}

/** Whose list it is, whether it is up to date, and what waits. On a server: as while nobody is signed in. */
export function useSyncState(client: SyncClient | null): SyncState {
  return useSyncExternalStore(
    useCallback((onChange: () => void) => subscribeToState(client, onChange), [client]),
    () => (client === null ? NO_STATE : stateOf(client)),
    () => NO_STATE,
  );
}

function subscribeToState(client: SyncClient | null, onChange: () => void): () => void {
  for (const type of STATE_EVENTS) client?.addEventListener(type, onChange);
  return () => {
    for (const type of STATE_EVENTS) client?.removeEventListener(type, onChange);
  };
}

function stateOf(client: SyncClient): SyncState {
  const { user, state, storage, queueLength, revision } = client;
  const now: SyncState = { user, state, storage, queueLength, revision };
  const before = states.get(client);
  const fields = Object.keys(now) as (keyof SyncState)[];
  if (before !== undefined && fields.every((field) => before[field] === now[field])) return before;
  states.set(client, now);
  return now;
}

function find(items: readonly ListItem[], id: string | null): ListItem | undefined {
  if (id === null) return;
  let index = indexes.get(items);
  if (index === undefined) {
    index = new Map(items.map((item) => [item.content_id, item]));
    indexes.set(items, index);
  }
  return index.get(id);
}

function nothing(): void {
  // There was nothing to unsubscribe from.
}
