// The client of syncd. Built from clients/javascript/src: change it there.

// src/data/fractional_index.ts
var MAX_LENGTH = 64;
var DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
var BASE = DIGITS.length;
var LAST = "z";
var STEP = 8;
var MAX_COUNTED = 8;
function between(a, b) {
  const [low, high] = [fraction("a", a), fraction("b", b)];
  if (b !== null && low >= high)
    throw new RangeError(`a: must be before b, with something between them: ${JSON.stringify([a, b])}`);
  const position = within(low, b === null ? null : high);
  if (position.length > MAX_LENGTH)
    throw new RangeError(`b: what is between ${a} and ${b} is longer than ${MAX_LENGTH}: give the items near new ones`);
  return position;
}
function fraction(name, position) {
  if (position !== null && !/^[0-9A-Za-z]{1,64}$/u.test(position))
    throw new RangeError(`${name}: must be 1 to ${MAX_LENGTH} of 0-9, A-Z and a-z, not ${JSON.stringify(position)}`);
  return (position ?? "").replace(/0+$/u, "");
}
function within(low, high) {
  if (high === null) return low === "" ? digit(Math.floor(BASE / 2)) : after(low);
  const prefix = commonPrefix(low, high);
  const [lower, upper] = [low.slice(prefix.length), high.slice(prefix.length)];
  if (lower === "") return prefix + before(upper);
  const [first, end] = [DIGITS.indexOf(lower.charAt(0)), DIGITS.indexOf(upper.charAt(0))];
  if (end - first > 1) return prefix + digit(Math.floor((first + end) / 2));
  if (upper.length > 1) return prefix + upper.charAt(0);
  return prefix + lower.charAt(0) + within(lower.slice(1), null);
}
function commonPrefix(a, b) {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}
function after(low) {
  const lead = /^z*/u.exec(low)?.[0] ?? "";
  const digits = counted(lead);
  const [number, end] = [numberOf(low.slice(lead.length), digits), (BASE - 1) * BASE ** (digits - 1)];
  return lead + (number + 1 >= end ? LAST : textOf(number + step(end - number), digits));
}
function before(high) {
  const lead = /^0*/u.exec(high)?.[0] ?? "";
  const digits = counted(lead);
  const [number, end] = [numberOf(high.slice(lead.length), digits), BASE ** (digits - 1)];
  return lead + (number <= end ? `0${LAST}` : textOf(number - step(number - end), digits));
}
function counted(lead) {
  return Math.min(lead.length + 1, MAX_COUNTED);
}
function step(room) {
  return Math.max(1, Math.min(STEP, Math.floor(room / 2)));
}
function numberOf(text, digits) {
  let number = 0;
  for (const each of text.slice(0, digits).padEnd(digits, "0")) number = number * BASE + DIGITS.indexOf(each);
  return number;
}
function textOf(number, digits) {
  let text = "";
  for (let rest = number; text.length < digits; rest = Math.floor(rest / BASE)) text = digit(rest % BASE) + text;
  return text.replace(/0+$/u, "");
}
function digit(value) {
  return DIGITS.charAt(value);
}

// src/data/placing.ts
async function move(list, canonical, contentId, { before: before2, after: after2 }) {
  const moved = canonical(contentId);
  const idOf = (other) => other === null || other === void 0 ? void 0 : canonical(other);
  const placed = positionsFor(list.items, moved, { before: idOf(before2), after: idOf(after2) });
  const ids = await Promise.all(placed.map(([id, position]) => list.add(id, { position })));
  return ids[placed.findIndex(([id]) => id === moved)] ?? "";
}
function positionsFor(items, contentId, place) {
  const others = items.filter(({ content_id }) => content_id !== contentId);
  const ids = others.map(({ content_id }) => content_id);
  const positions = others.map(({ position }) => position).filter((position) => position !== void 0);
  const index = indexOf(ids, place);
  const start = Math.min(index, positions.length);
  let end = index;
  while (start > 0 && positions[end] === positions[start - 1]) end += 1;
  for (let reach = 0; ; reach = 2 * reach || 1) {
    const first = Math.max(start - reach, 0);
    const behind = Math.max(Math.min(end + reach, positions.length), end);
    const inOrder = [...ids.slice(first, index), contentId, ...ids.slice(index, behind)];
    const placed = placedBetween(positions[first - 1] ?? null, positions[behind] ?? null, inOrder);
    if (placed !== null) return placed;
  }
}
function placedBetween(a, b, ids) {
  let last = a;
  try {
    return ids.map((id) => {
      last = between(last, b);
      return [id, last];
    });
  } catch {
    return null;
  }
}
function indexOf(ids, { before: before2, after: after2 }) {
  const wanted = before2 ?? after2;
  if (wanted === void 0) return ids.length;
  if (before2 !== void 0 && after2 !== void 0) throw new TypeError("before, after: name one of them, or none");
  const index = ids.indexOf(wanted);
  if (index === -1) throw new TypeError(`${wanted}: is not in the list, or is what is to be moved`);
  return index + (before2 === void 0 ? 1 : 0);
}
export {
  move,
  positionsFor
};
