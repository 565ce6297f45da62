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
  /** How many of the user's changes are not settled with the service. */
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

/** The events after which a `SyncState` may be another: after a log-out there is an `updated`, too. */
const STATE_EVENTS = ["state", "storage", "updated"] as const;

/** What each client was last seen to be: the same object as long as it is the same. */
const states = new WeakMap<SyncClient, SyncState>();

/** The items of a list by content, made once for each list. */
const indexes = new WeakMap<readonly ListItem[], ReadonlyMap<string, ListItem>>();

/** What has items: a client, one of its lists, its progress, devices or catalogue; of a client the same object each time. */
interface Shown<Item> {
  readonly items: readonly Item[];
  subscribe(listener: () => void): () => void;
}

/** What `look` finds in the items; `snapshot`: of a server, and where there is no client. */
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
 * The watchlist. `client`: null where there is none, as on a server. `snapshot`: what a server has rendered; it is
 * shown there, and while its page is taken over.
 */
export function useWatchlist(client: SyncClient | null, snapshot: readonly ListItem[] = NO_ITEMS): readonly ListItem[] {
  return useShown(client, snapshot, all);
}

/** The same of a list beside the watchlist, by its name. */
export function useList(
  client: SyncClient | null,
  name: string,
  snapshot: readonly ListItem[] = NO_ITEMS,
): readonly ListItem[] {
  return useShown(client?.list(name), snapshot, all);
}

/** How far the user has come in each content, the newest play first; on a server nothing. */
export function useProgress(client: SyncClient | null): readonly ProgressItem[] {
  return useShown(client?.progress, NO_ITEMS, all);
}

/** The user's devices; on a server none. */
export function useDevices(client: SyncClient | null): readonly DeviceItem[] {
  return useShown(client?.devices, NO_ITEMS, all);
}

/** Which lists the user has beside the watchlist; on a server none. */
export function useCatalogue(client: SyncClient | null): readonly ListName[] {
  return useShown(client?.catalogue, NO_ITEMS, all);
}

/** Have `onCommand`, that of the latest rendering, called with what other devices want this one to do. */
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
 * The item of a content, undefined while the list has none; the component is rendered again for changes of this one only.
 * `contentId`: null or undefined for none. Throws a TypeError if it is none.
 */
export function useItem(
  client: SyncClient | null,
  contentId: string | null | undefined,
  snapshot: readonly ListItem[] = NO_ITEMS,
): ListItem | undefined {
  const id = contentId === null || contentId === undefined ? null : idOf(client, contentId);
  return useShown(client, snapshot, (items) => find(items, id));
}

/** Without a client nobody knows what the service takes: a UUID gets its one spelling, and other text stays. */
function idOf(client: SyncClient | null, contentId: string): string {
  if (client !== null) return canonical(contentId, client.contentIds);
  try {
    return canonical(contentId);
  } catch {
    return canonical(contentId, "text");
  }
}

/** Whose list it is, whether it is up to date, and what waits. On a server: as before anybody is signed in. */
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
