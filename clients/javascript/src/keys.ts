/** What a client knows the contents of all its lists by: what each list's keys begin with, and then the content's id. */

/** In no list's name, and in no content's id. */
const END = "\u001F";

/** What the keys of the watchlist begin with. */
export const WATCHLIST = "";

/** What the keys of a list begin with; undefined: it is the watchlist. */
export function prefixOf(list: string | undefined): string {
  return list === undefined ? WATCHLIST : list + END;
}

/** What `key` begins with. */
export function prefixIn(key: string): string {
  return key.slice(0, key.indexOf(END) + 1);
}

export function contentIn(key: string): string {
  return key.slice(key.indexOf(END) + 1);
}

/** As messages and events name a list; nothing for the watchlist. */
export function named(prefix: string): { readonly list?: string } {
  return prefix === WATCHLIST ? {} : { list: prefix.slice(0, -1) };
}
