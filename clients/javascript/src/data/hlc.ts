/**
 * The client's hybrid logical clock: stamps that rise even when the wall clock steps back.
 *
 * Source: Kulkarni, Demirbas, Madeppa, Avva, Leone 2014, "Logical Physical Clocks".
 */

/** Where a clock stands: ms since 1970, and a counter within the millisecond, 0 to 65535. */
export interface Reading {
  readonly physical: number;
  readonly logical: number;
}

/** A point in hybrid time, and the node or replica that set it. */
export interface Timestamp extends Reading {
  readonly node: string;
}

export const MAX_LOGICAL = 65_535;
export const NEVER: Timestamp = { physical: 0, logical: 0, node: "" };

/** The next stamp of `node`, above `last` whatever the wall clock says. */
export function tick(last: Reading, nowMs: number, node: string): Timestamp {
  if (nowMs > last.physical) return { physical: nowMs, logical: 0, node };
  if (last.logical < MAX_LOGICAL) return { physical: last.physical, logical: last.logical + 1, node };
  return { physical: last.physical + 1, logical: 0, node };
}

/** Our clock after it has seen a stamp of the service, which is trusted however far ahead it is. */
export function follow(last: Reading, remote: Timestamp): Reading {
  return compareReadings(remote, last) > 0 ? { physical: remote.physical, logical: remote.logical } : last;
}

/** The total order of stamps: readings, then nodes by code point. Negative, 0 or positive. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return compareReadings(a, b) || compareCodePoints(a.node, b.node);
}

function compareReadings(a: Reading, b: Reading): number {
  return a.physical - b.physical || a.logical - b.logical;
}

/** `<` on strings compares UTF-16 units, which puts U+10000 before U+FFFF: other clients would disagree. */
export function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at === -1) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}
