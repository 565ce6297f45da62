/**
 * The keys by which a client knows the contents of all its collections: the collection's prefix, then the content's id.
 */

/** The service's names for its collections of registers, and for the catalogue: `lists`, which is never stored. */
export type Registers = "progress" | "devices" | "lists";

/** Ends a prefix: it can be in no list's id and no content's id. */
const END = "\u001F";

/** The prefix of the watchlist's keys. */
export const WATCHLIST = "";

/** The names of the collections that are no lists: no list's id can be one of them. */
export const PROGRESS = ":progress";
export const DEVICES = ":devices";
export const LISTS = ":lists";
export type RegistersName = typeof PROGRESS | typeof DEVICES | typeof LISTS;

/** The prefix of a collection's keys; `list` undefined: the watchlist's. */
export function prefixOf(list: string | undefined): string {
  return list === undefined ? WATCHLIST : list + END;
}

/** Whether the collection with this prefix is registers or the catalogue, and no list of contents. */
export function areRegisters(prefix: string): boolean {
  return prefix.startsWith(":");
}

/** The prefix of `key`. */
export function prefixIn(key: string): string {
  return key.slice(0, key.indexOf(END) + 1);
}

export function contentIn(key: string): string {
  return key.slice(key.indexOf(END) + 1);
}

/** The fields by which messages and events name a collection; none for the watchlist. */
export function named(prefix: string): { readonly list?: string; readonly collection?: Registers } {
  if (prefix === WATCHLIST) return {};
  return areRegisters(prefix) ? { collection: prefix.slice(1, -1) as Registers } : { list: prefix.slice(0, -1) };
}
