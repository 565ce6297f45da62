/** The client in React 18 or newer: README.md. */

import { useCallback, useSyncExternalStore } from "react";

import { canonical, type ListItem, type State, type Storage, type SyncClient } from "./syncd-client.js";

/** How a client stands. */
export interface SyncState {
  readonly user: string | null;
  readonly state: State;
  readonly storage: Storage;
  /** How many of the user's changes are not settled with the service. */
  readonly queueLength: number;
  readonly revision: number;
}

const NO_ITEMS: readonly ListItem[] = Object.freeze([]);

const NO_STATE: SyncState = Object.freeze({
  user: null,
  state: "signed_out",
  storage: "memory",
  queueLength: 0,
  revision: 0,
});

/** The events after which a `SyncState` may be another. */
const STATE_EVENTS = ["state", "storage", "updated", "signed_out"] as const;

/** What each client was last seen to be: the same object as long as it is the same. */
const states = new WeakMap<SyncClient, SyncState>();

/** The items of a list by content, made once for each list. */
const indexes = new WeakMap<readonly ListItem[], ReadonlyMap<string, ListItem>>();

/**
 * The list, newest first. `client`: null where there is none, as on a server. `snapshot`: what a server has rendered; it is
 * shown there, and while its page is taken over.
 */
export function useWatchlist(client: SyncClient | null, snapshot: readonly ListItem[] = NO_ITEMS): readonly ListItem[] {
  return useSyncExternalStore(
    useCallback((onChange: () => void) => client?.subscribe(onChange) ?? nothing, [client]),
    () => client?.items ?? snapshot,
    () => snapshot,
  );
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
  return useSyncExternalStore(
    useCallback((onChange: () => void) => client?.subscribe(onChange) ?? nothing, [client]),
    () => find(client?.items ?? snapshot, id),
    () => find(snapshot, id),
  );
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
