/**
 * Positions between positions: an item is moved by a write of its own, and no other item's place changes.
 *
 * The algorithm, word by word: clients/conformance/README.md, "Positions".
 * Source: Wallace 2017, "Realtime editing of ordered sequences" (Figma).
 */

const MAX_LENGTH = 64;
// biome-ignore lint/security/noSecrets: it is none
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = DIGITS.length;
const LAST = "z";
/** How far apart items put side by side are, in units of the last digit: there is room to halve three times. */
const STEP = 8;
/** The most digits that are counted as one number: they fit the 53 bits of one. */
const MAX_COUNTED = 8;

/**
 * A position behind `a` and before `b`, compared as text; null: that end of the list.
 *
 * The same arguments always give the same position, so two devices may both use it: items that share one are in order
 * of their content ids. Throws a RangeError if `a` is not before `b`, one of them does not consist of digits and ASCII
 * letters, or the position would be longer than 64. Cost: O(length).
 */
export function between(a: string | null, b: string | null): string {
  const [low, high] = [fraction("a", a), fraction("b", b)];
  if (b !== null && low >= high)
    throw new RangeError(`a: must be before b, with something between them: ${JSON.stringify([a, b])}`);
  const position = within(low, b === null ? null : high);
  if (position.length > MAX_LENGTH)
    throw new RangeError(`b: what is between ${a} and ${b} is longer than ${MAX_LENGTH}: give the items near new ones`);
  return position;
}

/** A position as the digits behind the point of a number from 0 to 1, without zeros at the end. */
function fraction(name: string, position: string | null): string {
  if (position !== null && !/^[0-9A-Za-z]{1,64}$/u.test(position))
    throw new RangeError(`${name}: must be 1 to ${MAX_LENGTH} of 0-9, A-Z and a-z, not ${JSON.stringify(position)}`);
  return (position ?? "").replace(/0+$/u, "");
}

function within(low: string, high: string | null): string {
  if (high === null) return low === "" ? digit(Math.floor(BASE / 2)) : after(low);
  const prefix = commonPrefix(low, high);
  const [lower, upper] = [low.slice(prefix.length), high.slice(prefix.length)];
  if (lower === "") return prefix + before(upper);
  const [first, end] = [DIGITS.indexOf(lower.charAt(0)), DIGITS.indexOf(upper.charAt(0))];
  if (end - first > 1) return prefix + digit(Math.floor((first + end) / 2));
  if (upper.length > 1) return prefix + upper.charAt(0);
  return prefix + lower.charAt(0) + within(lower.slice(1), null);
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

/** What is a step above: behind n leading `z`, the n + 1 digits that follow are counted up. */
function after(low: string): string {
  const lead = /^z*/u.exec(low)?.[0] ?? "";
  const digits = counted(lead);
  const [number, end] = [numberOf(low.slice(lead.length), digits), (BASE - 1) * BASE ** (digits - 1)];
  return lead + (number + 1 >= end ? LAST : textOf(number + step(end - number), digits));
}

/** What is a step below: behind n leading zeros, the n + 1 digits that follow are counted down. */
function before(high: string): string {
  const lead = /^0*/u.exec(high)?.[0] ?? "";
  const digits = counted(lead);
  const [number, end] = [numberOf(high.slice(lead.length), digits), BASE ** (digits - 1)];
  return lead + (number <= end ? `0${LAST}` : textOf(number - step(number - end), digits));
}

function counted(lead: string): number {
  return Math.min(lead.length + 1, MAX_COUNTED);
}

function step(room: number): number {
  return Math.max(1, Math.min(STEP, Math.floor(room / 2)));
}

function numberOf(text: string, digits: number): number {
  let number = 0;
  for (const each of text.slice(0, digits).padEnd(digits, "0")) number = number * BASE + DIGITS.indexOf(each);
  return number;
}

function textOf(number: number, digits: number): string {
  let text = "";
  for (let rest = number; text.length < digits; rest = Math.floor(rest / BASE)) text = digit(rest % BASE) + text;
  return text.replace(/0+$/u, "");
}

function digit(value: number): string {
  return DIGITS.charAt(value);
}
