/** What an item of a list may carry beside its content. */

const MAX_DATA_BYTES = 1024;

/** An item does not have a field that is missing; an add leaves it as it is. */
export interface Carried {
  /** At most 1 KiB of JSON; replaces all that was there. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Items are in order of it, as text: 1 to 64 visible ASCII characters. `between` makes one. */
  readonly position?: string;
}

/** What an app says of an item; a field that is null or undefined counts as missing. */
export interface ItemWords {
  /** As in `Carried`; an array, or what JSON does not write as an object, is refused. */
  readonly data?: object | null | undefined;
  readonly position?: string | null | undefined;
}

/** These two fields only, without those that are null or undefined. */
export function carriedBy({
  data,
  position,
}: { [Field in keyof Carried]: Carried[Field] | null | undefined }): Carried {
  return { ...(data && { data }), ...(typeof position === "string" && { position }) };
}

/** A private copy of what an add says. Throws a TypeError if no item can carry that. */
export function checkedCarried({ data = null, position = null }: ItemWords): Carried {
  if (position !== null && !(typeof position === "string" && /^[!-~]{1,64}$/u.test(position)))
    throw new TypeError("position: must be 1 to 64 visible ASCII characters");
  return carriedBy({ data: data === null ? data : checkedObject("data", data), position });
}

/** A lone surrogate's escape in JSON, which the service cannot read: `\ud` behind an even number of backslashes. */
const LONE = /[^\\](?:\\\\)*\\ud/u;

/**
 * A copy of an object of the app's. Throws a TypeError if it is no object, too large, or has a lone surrogate in it.
 */
export function checkedObject(name: string, value: unknown): NonNullable<Carried["data"]> {
  const text = JSON.stringify(value) ?? "";
  if (!text.startsWith("{") || LONE.test(text) || bytesOf(text) > MAX_DATA_BYTES)
    throw new TypeError(`${name}: must be an object, of at most ${MAX_DATA_BYTES} bytes as JSON`);
  return JSON.parse(text);
}

/** The length of `text` as UTF-8. */
export function bytesOf(text: string): number {
  return encodeURIComponent(text).replace(/%../gu, "_").length;
}
