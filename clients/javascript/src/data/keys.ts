/** What a client knows the contents of all its collections by: what each one's keys begin with, and then the content's id. */

/** What the service calls its collections of registers, and `lists`: which lists there are, of which there are hints alone. */
export type Registers = "progress" | "devices" | "lists";

/** In no list's name, and in no content's id. */
const END = "\u001F";

/** What the keys of the watchlist begin with. */
export const WATCHLIST = "";

/** What these are called here: as no list can be. */
export const PROGRESS = ":progress";
export const DEVICES = ":devices";
export const LISTS = ":lists";
export type RegistersName = typeof PROGRESS | typeof DEVICES | typeof LISTS;

/** What the keys of a collection begin with; undefined: it is the watchlist. */
export function prefixOf(list: string | undefined): string {
  return list === undefined ? WATCHLIST : list + END;
}

/** Whether what has keys with this prefix are registers, and no list. */
export function areRegisters(prefix: string): boolean {
  return prefix.startsWith(":");
}

/** What `key` begins with. */
export function prefixIn(key: string): string {
  return key.slice(0, key.indexOf(END) + 1);
}

export function contentIn(key: string): string {
  return key.slice(key.indexOf(END) + 1);
}

/** As messages and events name a collection; nothing for the watchlist. */
export function named(prefix: string): { readonly list?: string; readonly collection?: Registers } {
  if (prefix === WATCHLIST) return {};
  return areRegisters(prefix) ? { collection: prefix.slice(1, -1) as Registers } : { list: prefix.slice(0, -1) };
}
