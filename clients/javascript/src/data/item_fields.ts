/** What an item of a list may carry beside its content. */

const MAX_DATA_BYTES = 1024;

/** A field that is missing is not there; to an add it says nothing. */
export interface Carried {
  /** At most 1 KiB of JSON, in the place of all that was there. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Items are shown by it, as text: 1 to 64 visible ASCII characters. `between` makes one. */
  readonly position?: string;
}

/** What an app says of an item; what is null or undefined says nothing, as what is missing. */
export interface ItemWords {
  /** As of `Carried`; an array or an object that JSON has no object for is refused. */
  readonly data?: object | null | undefined;
  readonly position?: string | null | undefined;
}

/** These two fields alone; what is null or undefined is not there. */
export function carriedBy({
  data,
  position,
}: { [Field in keyof Carried]: Carried[Field] | null | undefined }): Carried {
  return { ...(data && { data }), ...(typeof position === "string" && { position }) };
}

/** What an add may say: a copy that nobody else has. Throws a TypeError where no item can carry that. */
export function checkedCarried({ data = null, position = null }: ItemWords): Carried {
  if (position !== null && !(typeof position === "string" && /^[!-~]{1,64}$/u.test(position)))
    throw new TypeError("position: must be 1 to 64 visible ASCII characters");
  return carriedBy({ data: data === null ? data : checkedObject("data", data), position });
}

/** A lone surrogate as JSON has it, which the service cannot read: no other escape begins so, behind an even number of backslashes. */
const LONE = /[^\\](?:\\\\)*\\ud/u;

/** A copy of an object of the app's. Throws a TypeError where it is none, too large, or of what is no text. */
export function checkedObject(name: string, value: unknown): NonNullable<Carried["data"]> {
  const text = JSON.stringify(value) ?? "";
  if (!text.startsWith("{") || LONE.test(text) || bytesOf(text) > MAX_DATA_BYTES)
    throw new TypeError(`${name}: must be an object, of at most ${MAX_DATA_BYTES} bytes as JSON`);
  return JSON.parse(text);
}

/** As UTF-8. */
export function bytesOf(text: string): number {
  return encodeURIComponent(text).replace(/%../gu, "_").length;
}
