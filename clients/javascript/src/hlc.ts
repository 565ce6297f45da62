/**
 * A hybrid logical clock: stamps that rise even when the wall clock steps back.
 *
 * Source: Kulkarni et al. 2014, Logical Physical Clocks.
 */

/** `physical`: ms since 1970; `logical`: 0 to 65535; `node`: who made it. */
export interface Stamp extends Reading {
  readonly node: string;
}

/** Where a clock stands. */
export interface Reading {
  readonly physical: number;
  readonly logical: number;
}

const MAX_LOGICAL = 0xffff;

/** Where the clock stands after one more local event. */
export function tick(last: Reading, nowMs: number): Reading {
  if (nowMs > last.physical) return { physical: nowMs, logical: 0 };
  if (last.logical < MAX_LOGICAL) return { physical: last.physical, logical: last.logical + 1 };
  return { physical: last.physical + 1, logical: 0 };
}

/** Negative, 0 or positive, as `a` is before, beside or after `b`. */
export function compareReadings(a: Reading, b: Reading): number {
  return a.physical - b.physical || a.logical - b.logical;
}

/** The total order of stamps: readings, then nodes by code point. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return compareReadings(a, b) || compareCodePoints(a.node, b.node);
}

/** `<` on strings compares UTF-16 units, which puts U+10000 before U+FFFF: other clients would disagree. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at === -1) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}
