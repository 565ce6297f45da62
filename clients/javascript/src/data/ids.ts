/** The ids that an app gives: of contents, in their one spelling, of users and of lists. */

const HEX = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const SPELLINGS = new RegExp(`^(?:urn:uuid:)?(?:${HEX}|\\{(?:${HEX})\\})$`, "iu");
// biome-ignore lint/suspicious/noControlCharactersInRegex: the class Cc, which \p names only since Chromium 64; and Cs
const NAME = /^[^\0-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;

const NAME_RULE = "must be 1 to 128 characters, none of them a control character or a lone surrogate";

/** Which content ids the service accepts: its `--content-ids`. */
export type ContentIds = "uuid" | "text";

/**
 * The canonical spelling of a content's id: a UUID may come in any that there is, other text stays as it is. Throws a
 * TypeError if it is not valid.
 */
export function canonical(contentId: string, contentIds: ContentIds = "uuid"): string {
  if (contentIds === "text") return checkName("content_id", contentId);
  if (typeof contentId !== "string" || !SPELLINGS.test(contentId))
    throw new TypeError(
      `content_id: must be a UUID, not ${shown(contentId)}; of an id of another kind make a UUIDv5, ` +
        "always the same, as docs/protocol.md shows under 'Content ids'",
    );
  const hex = contentId.toLowerCase().replace(/^urn:uuid:|[-{}]/gu, "");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Throws a TypeError if `userId` is none that the service can know. */
export function checkUserId(userId: string): void {
  checkName("user_id", userId);
}

/** `text`. Throws a TypeError if the service would refuse it; the error names the `field`. */
export function checkName(field: string, text: unknown): string {
  if (typeof text === "string" && NAME.test(text)) return text;
  throw new TypeError(`${field}: ${NAME_RULE}, not ${shown(text)}`);
}

/** `value` for an error's text. An event, as a button's handler is given, would be too long, and may hold itself. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : typeof value;
}

/** Throws a TypeError if `list` is not a valid id of a list. */
export function checkListName(list: string): void {
  if (typeof list !== "string" || !/^[A-Za-z0-9][\w.~-]{0,63}$/u.test(list))
    throw new TypeError("list: must be 1 to 64 of A-Z a-z 0-9 . _ ~ -, and begin with a letter or a digit");
}
