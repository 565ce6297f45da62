// The client of syncd. Built from clients/javascript/src: change it there.

// src/bound.ts
function bindMembers(object, prototype) {
  const bound = /* @__PURE__ */ new Set(["constructor"]);
  for (let level = prototype; Object.getPrototypeOf(level) !== null; level = Object.getPrototypeOf(level)) {
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (bound.has(name)) continue;
      bound.add(name);
      Object.defineProperty(object, name, get ? { get: () => get.call(object) } : { value: value.bind(object) });
    }
  }
}

// src/burst.ts
var FRAME_MS = 16;
var Burst = class {
  #act;
  #isDue = false;
  #notBeforeMs = 0;
  constructor(act) {
    this.#act = act;
  }
  /** Run at the end of this turn; or, after the last run, a frame later, or as much later as that run took. */
  ask() {
    if (this.#isDue) return;
    this.#isDue = true;
    const afterMs = this.#notBeforeMs - performance.now();
    if (afterMs > 0) setTimeout(this.#run, afterMs);
    else void Promise.resolve().then(this.#run);
  }
  #run = () => {
    this.#isDue = false;
    const beganMs = performance.now();
    try {
      this.#act();
    } finally {
      const endedMs = performance.now();
      this.#notBeforeMs = endedMs + Math.max(FRAME_MS, endedMs - beganMs);
    }
  };
};

// src/core/token.ts
function readToken(value) {
  const parts = value.split(".");
  if (parts.length !== 3) return { value };
  try {
    const payload = (parts[1] ?? "").replace(/-/gu, "+").replace(/_/gu, "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return {
      value,
      ...typeof claims.sub === "string" && { sub: claims.sub },
      ...typeof claims.exp === "number" && { exp: claims.exp }
    };
  } catch {
    return { value };
  }
}

// src/core/tokens.ts
var ANSWER_MS = 2e4;
var RENEW_AHEAD_MS = 6e4;
var RENEW_PAUSE_MS = 3e4;
var WHITE_SPACE_AROUND = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/gu;
var FOREIGN_CHARACTER = /[^A-Za-z0-9._~+/=-]/u;
var NO_ANSWER = {
  reason: `no token: getToken did not answer within ${ANSWER_MS / 1e3} s`,
  isLasting: false
};
var Tokens = class {
  #userId;
  #put;
  #timers;
  #nowMs;
  #spent = /* @__PURE__ */ new Set();
  #isAsked = false;
  #used = { value: "" };
  /** `put`: where its outputs go. */
  constructor(userId, put, timers, nowMs) {
    this.#userId = userId;
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
  }
  /** The token of the attempt or connection under way. */
  get used() {
    return this.#used;
  }
  /** Ask the app's callback, which has `ANSWER_MS` to answer. */
  ask() {
    this.#isAsked = true;
    this.#put({ type: "ask_token" });
    this.#timers.start("token", ANSWER_MS);
  }
  /** Accept no answer any more; whether one was awaited. */
  endQuestion() {
    const wasAsked = this.#isAsked;
    this.#isAsked = false;
    this.#timers.stop("token");
    return wasAsked;
  }
  /** Why `token` is not to be used; the reason never shows it. */
  faultOf(token) {
    if (this.#spent.has(token.value)) return { reason: "the token was refused before", isLasting: false };
    return faultIn(token, this.#userId);
  }
  /** Note it as the one in use, and have it renewed in time. */
  use(token) {
    this.#used = token;
    if (token.exp !== void 0) {
      const aheadMs = Math.floor(token.exp * 1e3) - RENEW_AHEAD_MS - this.#nowMs();
      this.#timers.start("renew", Math.max(aheadMs, RENEW_PAUSE_MS));
    }
  }
  /** Ask again after a pause: the callback gave no new one. */
  renewLater() {
    this.#timers.start("renew", RENEW_PAUSE_MS);
  }
  /** Never use the current token again: the service has refused it. */
  spend() {
    this.#spent.add(this.#used.value);
  }
};
function faultIn({ value, sub }, userId) {
  if (value === "") return { reason: "the token is empty", isLasting: false };
  const reason = flawOf(value) ?? (sub === void 0 || sub === userId ? null : "the token is another user's");
  return reason === null ? null : { reason, isLasting: true };
}
function stripped(token) {
  return { ...token, value: token.value.replace(WHITE_SPACE_AROUND, "") };
}
function flawOf(value) {
  if (value.toLowerCase().startsWith("bearer ")) return "the token begins with 'Bearer '";
  const found = FOREIGN_CHARACTER.exec(value)?.[0];
  if (found === void 0) return null;
  if (found === "\n" || found === "\r") return "the token has a line break in it";
  if (found === " " || found === "	") return "the token has a space in it";
  const code = (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `the token has a character in it that no token has: U+${code}`;
}

// src/data/ids.ts
var HEX = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
var SPELLINGS = new RegExp(`^(?:urn:uuid:)?(?:${HEX}|\\{(?:${HEX})\\})$`, "iu");
var NAME = /^[^\0-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;
var NAME_RULE = "must be 1 to 128 characters, none of them a control character or a lone surrogate";
function canonical(contentId, contentIds = "uuid") {
  if (contentIds === "text") return checkName("content_id", contentId);
  if (typeof contentId !== "string" || !SPELLINGS.test(contentId))
    throw new TypeError(
      `content_id: must be a UUID, not ${shown(contentId)}; of an id of another kind make a UUIDv5, always the same, as docs/protocol.md shows under 'Content ids'`
    );
  const hex = contentId.toLowerCase().replace(/^urn:uuid:|[-{}]/gu, "");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
function checkUserId(userId) {
  checkName("user_id", userId);
}
function checkName(field, text) {
  if (typeof text === "string" && NAME.test(text)) return text;
  throw new TypeError(`${field}: ${NAME_RULE}, not ${shown(text)}`);
}
function shown(value) {
  return typeof value === "string" ? JSON.stringify(value) : typeof value;
}
function checkListName(list) {
  if (typeof list !== "string" || !/^[A-Za-z0-9][\w.~-]{0,63}$/u.test(list))
    throw new TypeError("list: must be 1 to 64 of A-Z a-z 0-9 . _ ~ -, and begin with a letter or a digit");
}

// src/data/keys.ts
var END = "";
var WATCHLIST = "";
var PROGRESS = ":progress";
var DEVICES = ":devices";
var LISTS = ":lists";
function prefixOf(list) {
  return list === void 0 ? WATCHLIST : list + END;
}
function areRegisters(prefix) {
  return prefix.startsWith(":");
}
function prefixIn(key) {
  return key.slice(0, key.indexOf(END) + 1);
}
function contentIn(key) {
  return key.slice(key.indexOf(END) + 1);
}
function named(prefix) {
  if (prefix === WATCHLIST) return {};
  return areRegisters(prefix) ? { collection: prefix.slice(1, -1) } : { list: prefix.slice(0, -1) };
}

// src/operations.ts
function operation(name, stored) {
  return Object.assign(ignorable(stored.then(() => name)), { operation_id: name });
}
function operations(names, stored) {
  return Object.assign(ignorable(stored.then(() => names)), { operation_ids: names });
}
function ignorable(promise) {
  promise.catch(() => void 0);
  return promise;
}

// src/shown.ts
var Shown = class {
  host;
  constructor(host) {
    this.host = host;
    bindMembers(this, new.target.prototype);
  }
  /**
   * Call `listener` with the items, now and at each `updated`, until the returned function is called: the contract of
   * Svelte's stores, and of React's `useSyncExternalStore`.
   */
  subscribe(listener) {
    const onUpdated = () => listener(this.items);
    onUpdated();
    return this.host.onUpdated(onUpdated);
  }
};

// src/shown_registers.ts
var NO_ITEMS = Object.freeze([]);
var ShownRegisters = class extends Shown {
  #name;
  constructor(name, host) {
    super(host);
    this.#name = name;
  }
  /** The same frozen array until something in it changes; items that do not change stay the same objects, too. */
  get items() {
    const items = this.host.session()?.registers(this.#name) ?? NO_ITEMS;
    return items;
  }
  /**
   * What is known of a content or a device; undefined: nothing. Throws a TypeError if the id is not valid. Cost: O(n)
   * after a change, else O(1).
   */
  get(id) {
    const canonical2 = this.#canonical(id);
    const items = this.items;
    return this.host.session()?.part?.byIdIn(items).get(canonical2);
  }
  /** Until the part for registers is loaded nothing is checked here: the service refuses what is not valid. */
  write(action, id, data = {}) {
    const session = this.host.signedIn();
    const key = prefixOf(this.#name) + this.#canonical(id);
    const words = session.part?.checkedWords(action, key, { data }) ?? { data: JSON.parse(JSON.stringify(data)) };
    const { names, stored } = session.write(action, [key], words);
    return operation(names[0] ?? "", stored);
  }
  #canonical(id) {
    return this.#name === DEVICES ? checkName("device_id", id) : this.host.canonical(id);
  }
};

// src/devices.ts
var Devices = class extends ShownRegisters {
  /**
   * Say what a device is, this one or another; null: the service has confirmed all of it already. Throws a TypeError if
   * `deviceId` or `words` is not valid, an Error if nobody is signed in.
   */
  update(deviceId, words) {
    if (this.host.signedIn().part?.saysAlready(this.get(deviceId), words)) return null;
    return this.write("update", deviceId, { ...words });
  }
  /** Forget a device; it is known again when it connects. Throws like `update`. */
  forget(deviceId) {
    return this.write("remove", deviceId);
  }
};

// src/data/item_fields.ts
var MAX_DATA_BYTES = 1024;
function carriedBy({
  data,
  position
}) {
  return { ...data && { data }, ...typeof position === "string" && { position } };
}
function checkedCarried({ data = null, position = null }) {
  if (position !== null && !(typeof position === "string" && /^[!-~]{1,64}$/u.test(position)))
    throw new TypeError("position: must be 1 to 64 visible ASCII characters");
  return carriedBy({ data: data === null ? data : checkedObject("data", data), position });
}
var LONE = /[^\\](?:\\\\)*\\ud/u;
function checkedObject(name, value) {
  const text = JSON.stringify(value) ?? "";
  if (!text.startsWith("{") || LONE.test(text) || bytesOf(text) > MAX_DATA_BYTES)
    throw new TypeError(`${name}: must be an object, of at most ${MAX_DATA_BYTES} bytes as JSON`);
  return JSON.parse(text);
}
function bytesOf(text) {
  return encodeURIComponent(text).replace(/%../gu, "_").length;
}

// src/late_parts.ts
var loadPlacing = late(() => import("./placing.js"), "./placing.js");
var loadRequests = late(() => import("./requests.js"), "./requests.js");
var loadRegisters = late(() => import("./registers.js"), "./registers.js");
var loadRefusedUpgrade = late(() => import("./refused_upgrade.js"), "./refused_upgrade.js");
var loadRejoining = late(() => import("./rejoining.js"), "./rejoining.js");
function late(load, address) {
  let part = null;
  let failures = 0;
  const loadAgain = () => {
    failures += 1;
    return import(
      /* @vite-ignore */
      /* webpackIgnore: true */
      `${address}#${failures}`
    );
  };
  const forget = (cause) => {
    part = null;
    throw Object.assign(new Error(`no network: ${address} did not come`), { status: null, code: null, cause });
  };
  return () => {
    part ??= load().catch(loadAgain).catch(forget);
    return part;
  };
}

// src/list.ts
var NO_ITEMS2 = Object.freeze([]);
var List = class extends Shown {
  #list;
  /** What its keys begin with. */
  #prefix;
  /** `list`: undefined for the watchlist. */
  constructor(list, host) {
    super(host);
    this.#list = list ?? "";
    this.#prefix = prefixOf(list);
  }
  /**
   * In order of `position`, then the rest newest first, with the user's unconfirmed changes. The same frozen array
   * until something in it changes; items that do not change stay the same objects, too.
   */
  get items() {
    return this.host.session()?.items(this.#prefix) ?? NO_ITEMS2;
  }
  /** The last revision of the list that this device has. */
  get revision() {
    return this.host.session()?.stored?.headOf(this.#prefix).revision ?? 0;
  }
  /** Whether the list has a content. Throws a TypeError if `contentId` is not valid. Cost: O(1). */
  has(contentId) {
    return this.host.session()?.has(this.#keyOf(contentId)) ?? false;
  }
  /**
   * Put a content into the list, or change what it carries there: fields missing in `carried` stay as they are. Throws
   * a TypeError if `contentId` or `carried` is not valid, an Error if nobody is signed in.
   */
  add(contentId, carried) {
    return this.#one("add", contentId, carried);
  }
  /** Take a content out of the list; throws like `add`. */
  remove(contentId) {
    return this.#one("remove", contentId);
  }
  /** Add each, in order, in one go; throws like `add`, and then changes nothing. */
  addMany(contentIds) {
    return this.#many("add", contentIds);
  }
  /** Remove each, in order, in one go; throws like `add`, and then changes nothing. */
  removeMany(contentIds) {
    return this.#many("remove", contentIds);
  }
  /**
   * Put a content, in the list or not, before or behind another one; with neither, at the end. Others get a position,
   * too, if they stand before it without one, share one behind it, or leave it no room. Fulfilled with the operation's
   * id when the move is stored; rejected if an id is not valid, the other content is not in the list, or nobody is
   * signed in.
   */
  async move(contentId, place = {}) {
    const session = this.host.signedIn();
    const { move } = await loadPlacing();
    if (session !== this.host.session()) throw new Error("The user was signed out.");
    return move(this, this.host.canonical, contentId, place);
  }
  /**
   * Set the name that people are shown; creates the list if there is none. Needs a connection: rejected with an Error
   * if it can't be done, or not now.
   */
  rename(name) {
    return this.host.ask(({ rename }, asking) => rename(asking, this.#list, name));
  }
  /**
   * Delete the list, with all that is in it, on every device; if there is none, do nothing. Needs a connection, like
   * `rename`.
   */
  delete() {
    return this.host.ask(({ remove }, asking) => remove(asking, this.#list));
  }
  #keyOf = (contentId) => this.#prefix + this.host.canonical(contentId);
  #one(action, contentId, carried) {
    const { names, stored } = this.#enqueue(action, [contentId], carried);
    return operation(names[0] ?? "", stored);
  }
  #many(action, contentIds) {
    const { names, stored } = this.#enqueue(action, Array.from(contentIds));
    return operations(names, stored);
  }
  #enqueue(action, contentIds, carried = {}) {
    const session = this.host.signedIn();
    return session.write(action, contentIds.map(this.#keyOf), checkedCarried(carried));
  }
};

// src/platform/event_target.ts
var PlatformEventTarget = globalThis.EventTarget;
function newEvent(type, fields) {
  return Object.assign(new Event(type), fields);
}

// src/platform/returns.ts
function watchReturns(onReturn, onLeave) {
  const { document } = globalThis;
  let isKept;
  const listen = ({ type, persisted }) => {
    const isLeft = type === "pagehide" || document?.visibilityState === "hidden";
    isKept = isLeft && (isKept || persisted);
    if (!isLeft) onReturn();
    else if (!isKept) onLeave();
  };
  const forAll = (change) => {
    for (const type of ["online", "pageshow", "pagehide", "focus"]) globalThis[change]?.(type, listen);
    for (const type of ["visibilitychange", "resume"]) document?.[change]?.(type, listen);
  };
  forAll("addEventListener");
  return () => forAll("removeEventListener");
}

// src/progress.ts
var Progress = class extends ShownRegisters {
  /**
   * What was begun and is not watched yet, the last played first; the same frozen array as long as `items` is the same.
   */
  get continueWatching() {
    return this.host.session()?.part?.begunIn(this.items) ?? NO_ITEMS;
  }
  /**
   * Report how far a content was played, as often as the player says so. It is shown at once, and written at once
   * unless playing only went on since the last report: then within ten seconds. Throws a TypeError if `contentId` or
   * the report is not valid, an Error if nobody is signed in.
   */
  update(contentId, report) {
    void this.write("report", contentId, { ...report });
  }
  /** Forget how far a content was played; throws like `update`. */
  remove(contentId) {
    return this.write("remove", contentId);
  }
  /** Write now what was reported; it happens by itself when the page is hidden. */
  flush() {
    void this.host.session()?.call({ type: "flush" });
  }
};

// src/data/hlc.ts
var MAX_LOGICAL = 65535;
var NEVER = { physical: 0, logical: 0, node: "" };
function tick(last, nowMs, node) {
  if (nowMs > last.physical) return { physical: nowMs, logical: 0, node };
  if (last.logical < MAX_LOGICAL) return { physical: last.physical, logical: last.logical + 1, node };
  return { physical: last.physical + 1, logical: 0, node };
}
function follow(last, remote) {
  return compareReadings(remote, last) > 0 ? { physical: remote.physical, logical: remote.logical } : last;
}
function compareTimestamps(a, b) {
  return compareReadings(a, b) || compareCodePoints(a.node, b.node);
}
function compareReadings(a, b) {
  return a.physical - b.physical || a.logical - b.logical;
}
function compareCodePoints(a, b) {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at === -1) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

// src/data/list_view.ts
function listView(confirmed, writes, before2 = []) {
  const known = new Map(before2.map((item2) => [item2.content_id, item2]));
  const items = Array.from(shownOf(confirmed, writes).values()).sort(compareShown).map((item2) => same(known.get(contentIn(item2.content_id)), item2));
  if (items.length === before2.length && items.every((item2, index) => item2 === before2[index])) return before2;
  return Object.freeze(items);
}
function shownOf(confirmed, writes) {
  const shown2 = /* @__PURE__ */ new Map();
  for (const item2 of confirmed) shown2.set(item2.content_id, { ...item2, pending: false });
  for (const write2 of writes) {
    const before2 = shown2.get(write2.content_id);
    if (write2.operation === "remove") shown2.delete(write2.content_id);
    else shown2.set(write2.content_id, shownAfter(before2, write2));
  }
  return shown2;
}
function shownAfter(before2, write2) {
  const { content_id, timestamp } = write2;
  const isBehind = before2 !== void 0 && compareTimestamps(timestamp, before2.timestamp) <= 0;
  const added = isBehind ? before2 : { timestamp, rank: 0, device_id: null };
  return { ...before2, ...added, ...carriedBy(write2), content_id, pending: true };
}
var LAST = "\x7F";
function compareShown(a, b) {
  const [left, right] = [a.position ?? LAST, b.position ?? LAST];
  if (left !== right) return left < right ? -1 : 1;
  if (left === LAST) return compareTimestamps(b.timestamp, a.timestamp) || b.rank - a.rank;
  return compareCodePoints(a.content_id, b.content_id);
}
function same(before2, { content_id, pending, timestamp, device_id, ...carried }) {
  if (before2?.pending === pending && before2.device_id === device_id && compareTimestamps(before2.timestamp, timestamp) === 0 && before2.position === carried.position && (before2.data === carried.data || JSON.stringify(before2.data) === JSON.stringify(carried.data)))
    return before2;
  return Object.freeze({ content_id: contentIn(content_id), pending, timestamp, device_id, ...carriedBy(carried) });
}

// src/data/user_state.ts
function asMessage(write2) {
  const { operation_id, operation: operation2, content_id, tag, observed, timestamp, isUnstamped, data, position } = write2;
  const { list } = named(prefixIn(content_id));
  return {
    type: list ? "list_update" : "watchlist_update",
    list,
    id: operation_id,
    operation_id,
    operation: operation2,
    content_id: contentIn(content_id),
    tag,
    observed,
    timestamp: isUnstamped ? void 0 : timestamp,
    data,
    position
  };
}
var NEW_LIST = { replica: "", adds: 0, revision: 0, epoch: null };
function userState({ head, items, queue }) {
  return new UserState(head, items, queue);
}
var UserState = class _UserState {
  head;
  items;
  /** By number, in the order of the writes. */
  queue;
  /** Content id -> the numbers of its writes, in order. */
  #numbers = /* @__PURE__ */ new Map();
  #version = 0;
  /** The lists shown at `#version`, by prefix, with the writes that they were made with. */
  #lists = /* @__PURE__ */ new Map();
  constructor(head, items = [], queue = []) {
    this.head = head;
    this.items = new Map(Array.from(items, (item2) => [item2.content_id, item2]));
    this.queue = new Map(Array.from(queue, (write2) => [write2.number, write2]));
    for (const write2 of this.queue.values()) this.#index(write2);
  }
  /** All of it, to be stored. */
  stored() {
    return { head: this.head, items: Array.from(this.items.values()), queue: Array.from(this.queue.values()) };
  }
  /** The state of a user of whom nothing is stored. */
  static empty(replica) {
    const { physical, logical } = NEVER;
    return new _UserState({
      replica,
      adds: 0,
      operations: 0,
      clock: { physical, logical },
      revision: 0,
      epoch: null
    });
  }
  /** Up to where a list is known; the start, if nothing is kept of it. */
  headOf(prefix) {
    return prefix === WATCHLIST ? this.head : this.head.lists?.[prefix] ?? NEW_LIST;
  }
  /** A number that changes whenever `list` or the length of the queue may have changed. */
  get version() {
    return this.#version;
  }
  apply(change) {
    if ("set" in change) {
      this.head = { ...this.head, ...change.set };
      return;
    }
    const before2 = "queue" in change && this.queue.get(change.queue.number);
    if (before2) {
      this.queue.set(before2.number, change.queue);
      if (compareTimestamps(change.queue.timestamp, before2.timestamp) !== 0) this.#version += 1;
      return;
    }
    this.#version += 1;
    if ("put" in change) this.items.set(change.put.content_id, change.put);
    else if ("drop" in change) this.items.delete(change.drop);
    else if ("clear" in change) this.items.clear();
    else if ("queue" in change) this.#enqueue(change.queue);
    else if ("settle" in change) this.#settle(change.settle);
    else {
      this.items.clear();
      this.queue.clear();
      this.#numbers.clear();
    }
  }
  /** The writes to this key, in order. */
  writesOf(key) {
    const numbers = Array.from(this.#numbers.get(key) ?? []);
    return numbers.map((number) => this.queue.get(number)).filter((write2) => write2 !== void 0);
  }
  /** Whether `list` has this key. Cost: O(its writes), and O(`writes`). */
  has(key, writes = []) {
    let isListed = this.items.has(key);
    for (const write2 of this.writesOf(key)) isListed = write2.operation === "add";
    for (const write2 of writes) if (write2.content_id === key) isListed = write2.operation === "add";
    return isListed;
  }
  /**
   * A list to show: with the queue applied, and then `writes`, which are not in it yet. The same frozen array, with the
   * same items, until they change. Cost: O(n log n) after a change, n counting all lists, else O(1).
   */
  list(writes = [], prefix = WATCHLIST) {
    const before2 = this.#lists.get(prefix);
    if (before2?.version === this.#version && before2.writes === writes) return before2.items;
    const isOfList = ({ content_id }) => prefixIn(content_id) === prefix;
    const queue = [...this.queue.values(), ...writes].filter(isOfList);
    const items = listView(Array.from(this.items.values()).filter(isOfList), queue, before2?.items);
    this.#lists.set(prefix, { version: this.#version, writes, items });
    return items;
  }
  #enqueue(write2) {
    this.queue.set(write2.number, write2);
    this.#index(write2);
  }
  #index({ content_id, number }) {
    const numbers = this.#numbers.get(content_id);
    if (numbers === void 0) this.#numbers.set(content_id, /* @__PURE__ */ new Set([number]));
    else numbers.add(number);
  }
  #settle(number) {
    const contentId = this.queue.get(number)?.content_id ?? "";
    this.queue.delete(number);
    const numbers = this.#numbers.get(contentId);
    numbers?.delete(number);
    if (numbers?.size === 0) this.#numbers.delete(contentId);
  }
};

// src/data/snapshot_pieces.ts
var SnapshotPieces = class {
  #last = null;
  #items = [];
  /** Where the service is to go on; null: nothing was collected, or the last piece was. */
  get cursor() {
    return this.#last?.next ?? null;
  }
  /** Keep `piece`; if it neither starts a list nor continues this one, drop all and return false. */
  collect(piece2) {
    if (piece2.start) {
      this.drop();
    } else if (!this.#isOf(piece2.revision, piece2.epoch)) {
      this.drop();
      return false;
    }
    this.#last = piece2;
    for (const item2 of piece2.items) this.#items.push(item2);
    return true;
  }
  /** The whole list, once its last piece was collected. */
  snapshot() {
    if (this.#last === null || this.#last.next !== void 0) return null;
    const { revision, epoch } = this.#last;
    return { revision, epoch, items: this.#items };
  }
  /** Drop the pieces unless they belong to this snapshot. */
  keepOnly(revision, epoch) {
    if (!this.#isOf(revision, epoch)) this.drop();
  }
  /** Drop all pieces. */
  drop() {
    this.#last = null;
    this.#items = [];
  }
  #isOf(revision, epoch) {
    return this.#last?.revision === revision && this.#last.epoch === epoch;
  }
};

// src/data/write_queue.ts
var MAX_IN_FLIGHT = 64;
var WriteQueue = class {
  #writes;
  /** The writes in flight by operation id, as they were sent. */
  #inFlight = /* @__PURE__ */ new Map();
  /** For the number of an answered write, the revision from which the list has its effect. */
  #answered = /* @__PURE__ */ new Map();
  /** `writes`: by number, in order; the state's own map, read afresh at each call. */
  constructor(writes) {
    this.#writes = writes;
  }
  /**
   * The writes that may be sent now, in order; they are in flight from here on. `mayBeSent`: whether a key's collection
   * is followed.
   *
   * One write per content at a time, so that the order holds even when one has to be repeated.
   */
  takeSendable(mayBeSent) {
    const taken = [];
    const busy = /* @__PURE__ */ new Set();
    for (const write2 of this.#writes.values()) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      const { content_id, operation_id, number } = write2;
      if (this.#answered.has(number) || !mayBeSent(content_id)) continue;
      const mustWait = busy.has(content_id) || this.#inFlight.has(operation_id);
      busy.add(content_id);
      if (mustWait) continue;
      this.#inFlight.set(operation_id, write2);
      taken.push(write2);
    }
    return taken;
  }
  /** The write with this id, if it is in flight. */
  inFlight(operationId) {
    const sent = typeof operationId === "string" ? this.#inFlight.get(operationId) : void 0;
    return sent && this.#writes.get(sent.number);
  }
  /** Whether a write in flight has the stamp with which it was sent. */
  isAsSent({ operation_id, timestamp }) {
    return this.#inFlight.get(operation_id)?.timestamp === timestamp;
  }
  /** Whether a write is still to be sent. */
  isUnsent({ operation_id, number }) {
    return !(this.#inFlight.has(operation_id) || this.#answered.has(number));
  }
  /** Count a write as not in flight: it was answered, or may be sent again. */
  release(operationId) {
    this.#inFlight.delete(operationId);
  }
  /** Count every write as not in flight: the connection ended. */
  releaseAll() {
    this.#inFlight.clear();
  }
  /** Note that a write takes effect at `revision`. */
  answer({ operation_id, number }, revision) {
    this.release(operation_id);
    this.#answered.set(number, revision);
  }
  /** Remove the answered writes of a list that have taken effect by `revision`, as settled; their numbers. */
  takeSettled(prefix, revision) {
    const settled = Array.from(this.#answered).filter(
      ([number, reached]) => reached <= revision && prefixIn(this.#writes.get(number)?.content_id ?? "") === prefix
    );
    for (const [number] of settled) this.#answered.delete(number);
    return settled.map(([number]) => number);
  }
};

// src/data/user_collections.ts
var MAX_TAGS = 2;
var UserCollections = class {
  userId;
  state;
  queue;
  /** The collections that the device follows, that is, is connected for, by prefix. The watchlist is the first. */
  #pieces = /* @__PURE__ */ new Map();
  /** Null: the part for registers is not loaded, and they are not followed. */
  registers = null;
  /** The collections that the attempt or connection under way asks for. */
  asked = [];
  #newReplica;
  /**
   * The origins of the writes in the queue. Writes of older releases have none: their ids, by which they may be called
   * for again.
   */
  #origins = /* @__PURE__ */ new Set();
  /** The greatest stamp of the service in this run. */
  #seen = NEVER;
  #changes = [];
  #hasUpdated = true;
  // it is shown for the first time
  /**
   * `stored`: what is kept of the user, null if nothing is; becomes the collections' own. `newReplica`: gives a name that
   * was never used before.
   */
  constructor(userId, stored, newReplica) {
    this.userId = userId;
    this.#newReplica = newReplica;
    this.state = stored ?? UserState.empty(newReplica());
    this.queue = new WriteQueue(this.state.queue);
    if (stored === null) this.#changes.push({ set: this.state.head });
    this.follow(WATCHLIST);
    for (const { origin, operation_id } of this.state.queue.values()) this.#origins.add(origin ?? operation_id);
  }
  /** Note that the service is asked for all that the device follows now; holds until the next call. */
  ask() {
    this.asked = Array.from(this.#pieces.keys());
  }
  /** Follow these and the collections that the queue has writes to; whether one was not followed before. */
  followAll(prefixes) {
    const queued = Array.from(this.state.queue.values(), ({ content_id }) => prefixIn(content_id));
    return [...queued, ...prefixes].map((prefix) => this.follow(prefix)).includes(true);
  }
  /** Follow a collection; whether it was not followed before. */
  follow(prefix) {
    if (this.isFollowed(prefix) || areRegisters(prefix) && this.registers === null) return false;
    this.pieces(prefix);
    return true;
  }
  isFollowed(prefix) {
    return this.#pieces.has(prefix);
  }
  /** The pieces of a collection that is followed. */
  pieces(prefix) {
    const pieces = this.#pieces.get(prefix) ?? new SnapshotPieces();
    this.#pieces.set(prefix, pieces);
    return pieces;
  }
  /** Up to where a list is known on this device. */
  head(prefix) {
    return this.state.headOf(prefix);
  }
  /** What is to be stored since the last call, and whether the app should look again; both start afresh. */
  takeChanges() {
    const taken = { changes: this.#changes, hasUpdated: this.#hasUpdated };
    this.#changes = [];
    this.#hasUpdated = false;
    return taken;
  }
  /** Have the app look again: something that is not stored has changed. */
  markUpdated() {
    this.#hasUpdated = true;
  }
  // What the user writes
  /** Whether the queue has the write of a call. */
  hasWriteOf(origin) {
    return origin !== void 0 && this.#origins.has(origin);
  }
  /**
   * Number and stamp a write and put it at the end of the queue, once per `origin`; the id in `key` is canonical, and
   * `carried` was checked.
   */
  enqueue(operation2, key, nowMs, { origin, ...carried } = {}) {
    const prefix = prefixIn(key);
    if (this.hasWriteOf(origin)) return;
    if (origin !== void 0) this.#origins.add(origin);
    const { replica, clock, operations: operations2 } = this.state.head;
    const timestamp = tick(clock, nowMs, replica);
    const number = operations2 + 1;
    this.#change({ set: { clock: readingOf(timestamp), operations: number } });
    this.#changeQueue({
      queue: {
        number,
        operation: operation2,
        content_id: key,
        operation_id: `${replica}.${number}`,
        ...operation2 === "add" && { tag: this.#newTag(prefix) },
        observed: areRegisters(prefix) ? 0 : this.head(prefix).revision,
        timestamp,
        ...origin !== void 0 && { origin },
        ...carried
      }
    });
  }
  /** The replica's next tag in this list. */
  #newTag(prefix) {
    const { replica } = this.state.head;
    const before2 = this.head(prefix);
    const adds = before2.replica === replica ? before2.adds + 1 : 1;
    this.#setHead(prefix, { replica, adds });
    return `${replica}:${adds}`;
  }
  /**
   * Note the service's `ack`: the write is settled once `revision` is reached; undefined: nothing had to change.
   * `isSuperseded`: `timestamp` is that of the later update that holds.
   */
  acknowledge(write2, revision, timestamp, isSuperseded = false) {
    if (!write2.isUnstamped) this.#advance(write2.timestamp);
    if (timestamp !== void 0) this.#advance(timestamp);
    this.queue.answer(write2, revision ?? 0);
    if (timestamp !== void 0 && !isSuperseded) this.#unstampBehind(write2, timestamp);
    this.#settle(prefixIn(write2.content_id));
  }
  /**
   * Give a write another stamp, as the service finds this one too far ahead; or leave the stamp to the service.
   *
   * A wall clock that is behind the stamp was ahead, and is right again. Then our clock goes back to what it would be
   * without the stamp, and this write and all behind it get new ones: the service cannot have accepted theirs.
   */
  stampAgain(write2, nowMs) {
    const { physical } = write2.timestamp;
    const { replica } = this.state.head;
    let clock = this.#clockWithout(write2);
    if (tick(clock, nowMs, replica).physical >= physical) {
      this.#unstamp(write2);
      return;
    }
    for (const each of Array.from(this.state.queue.values())) {
      if (each.number < write2.number) continue;
      const timestamp = tick(clock, nowMs, replica);
      clock = timestamp;
      this.#changeQueue({ queue: { ...each, timestamp } });
    }
    this.#change({ set: { clock: readingOf(clock) } });
  }
  /** What our clock would be without the stamps of `write` and those behind it in the queue. */
  #clockWithout({ number }) {
    let clock = this.#seen;
    for (const { timestamp } of this.state.items.values()) clock = follow(clock, timestamp);
    for (const each of this.state.queue.values()) if (each.number < number) clock = follow(clock, each.timestamp);
    return clock;
  }
  #unstamp(write2) {
    this.restate({ ...write2, isUnstamped: true });
  }
  /** Replace the write that has the same number. */
  restate(write2) {
    this.#change({ queue: write2 });
  }
  /**
   * Number an add under a new replica, as the service has no room for more tags of its old one; after `MAX_TAGS` tries,
   * leave the tag to the service.
   *
   * And then the stamp, too: a write that has waited for long is refused if it has a stamp but no tag.
   */
  retag(write2) {
    this.#leaveReplica(write2);
    const { tag, ...untagged } = write2;
    const refusedTags = (write2.refusedTags ?? 0) + 1;
    const sent = refusedTags < MAX_TAGS ? { tag: this.#newTag(prefixIn(write2.content_id)) } : { isUnstamped: true };
    this.restate({ ...untagged, refusedTags, ...sent });
  }
  /** Undo a write that the service does not accept. */
  refuse(write2) {
    this.drop(write2.number);
    this.#leaveReplica(write2);
  }
  // What the service says
  /** Note the journal that the revisions to come count in. */
  adoptEpoch(prefix, epoch) {
    if (epoch !== this.head(prefix).epoch) this.#setHead(prefix, { epoch });
  }
  /** Apply the update of the next revision. */
  applyUpdate(prefix, update2, revision) {
    const said = { timestamp: NEVER, device_id: null, ...update2, rank: revision };
    const contentId = prefix + update2.content_id;
    this.#advance(said.timestamp);
    this.#setHead(prefix, { revision });
    const before2 = this.state.items.get(contentId);
    if (update2.action === "remove") this.#change({ drop: contentId });
    else {
      const isNewest = areRegisters(prefix) || before2 === void 0 || compareTimestamps(said.timestamp, before2.timestamp) >= 0;
      const { timestamp, rank, device_id } = isNewest ? said : before2;
      this.#change({ put: { content_id: contentId, timestamp, rank, device_id, ...carriedBy(update2) } });
    }
    this.#hasUpdated = true;
    this.#settle(prefix);
  }
  /** Replace what was confirmed by a snapshot. */
  applySnapshot(prefix, { revision, epoch, items }) {
    const before2 = this.head(prefix);
    const isOtherJournal = before2.epoch !== null && before2.epoch !== epoch || revision < before2.revision;
    const others = Array.from(this.state.items.values()).filter(({ content_id }) => prefixIn(content_id) !== prefix);
    this.#change({ clear: true });
    for (const put of others) this.#change({ put });
    items.forEach(({ content_id, timestamp = NEVER, device_id = null, ...carried }, index) => {
      this.#advance(timestamp);
      this.#change({
        put: { content_id: prefix + content_id, timestamp, rank: -index, device_id, ...carriedBy(carried) }
      });
    });
    this.#setHead(prefix, { revision, epoch });
    this.#hasUpdated = true;
    if (isOtherJournal) {
      this.#settle(prefix, Number.POSITIVE_INFINITY);
      for (const write2 of areRegisters(prefix) ? [] : this.state.queue.values())
        if (prefixIn(write2.content_id) === prefix) this.#changeQueue({ queue: { ...write2, observed: revision } });
    }
    this.#settle(prefix);
  }
  erase() {
    this.#change({ erase: true });
  }
  // Within
  /** Number adds under another replica: the service would remember a gap in the old one's numbers for ever. */
  #leaveReplica({ tag }) {
    if (tag?.startsWith(`${this.state.head.replica}:`)) this.#change({ set: { replica: this.#newReplica(), adds: 0 } });
  }
  /** Leave stamps that are not above the service's own to the service: they would say that `write` was not seen. */
  #unstampBehind({ number, content_id }, timestamp) {
    for (const each of this.state.writesOf(content_id)) {
      if (each.number > number && compareTimestamps(each.timestamp, timestamp) <= 0) this.#unstamp(each);
    }
  }
  /** Keep the clock from falling behind what it has seen. */
  #advance(timestamp) {
    this.#seen = follow(this.#seen, timestamp);
    const clock = follow(this.state.head.clock, timestamp);
    if (clock !== this.state.head.clock) this.#change({ set: { clock } });
  }
  /** Take the answered writes that have taken effect by `revision` out of the queue. */
  #settle(prefix, revision = this.head(prefix).revision) {
    for (const number of this.queue.takeSettled(prefix, revision)) this.drop(number);
  }
  /** Take a write out of the queue. */
  drop(number) {
    const origin = this.state.queue.get(number)?.origin;
    if (origin !== void 0) this.#origins.delete(origin);
    this.#changeQueue({ settle: number });
  }
  #changeQueue(change) {
    this.#hasUpdated = true;
    this.#change(change);
  }
  #setHead(prefix, fields) {
    const { lists } = this.state.head;
    const isWatchlist = prefix === WATCHLIST;
    this.#change({
      set: isWatchlist ? fields : { lists: { ...lists, [prefix]: { ...this.head(prefix), ...fields } } }
    });
  }
  #change(change) {
    this.state.apply(change);
    this.#changes.push(change);
  }
};
function readingOf({ physical, logical }) {
  return { physical, logical };
}

// src/core/close_policy.ts
var TOKEN_ENDED = 4500;
var LAST_CODE = 4999;
var RETRY_AFTER_S = 60;
var OWN_RETRY_AFTER_S = 300;
function afterClose(code) {
  if (code === TOKEN_ENDED) return "reconnect_with_new_token";
  return TOKEN_ENDED < code && code <= LAST_CODE ? "stop" : "reconnect";
}
function afterRefusal(transport, status, isOwn) {
  if (!isOwn) return "reconnect";
  switch (status) {
    case 401:
      return "reconnect_with_new_token";
    case 404:
      return transport === "websocket" ? "stop" : "reconnect";
    case 400:
    case 403:
      return "stop";
    case 426:
      return "reconnect_without_upgrade";
    default:
      return "reconnect_to_service";
  }
}
function delayMs(retryAfterS, isOwn) {
  return Math.floor(Math.min(retryAfterS, isOwn ? OWN_RETRY_AFTER_S : RETRY_AFTER_S) * 1e3);
}

// src/core/exchange.ts
var STABLE_MS = 1e4;
var RETRY_MS = 1e3;
var GapError = class extends Error {
};
var Exchange = class {
  #collections;
  #put;
  #timers;
  #nowMs;
  /** By prefix. */
  #lines = /* @__PURE__ */ new Map();
  #isPaused = false;
  #hasContinuedList = false;
  #reconnectAfterMs = null;
  /** `put`: where its outputs go; `nowMs`: the wall clock. */
  constructor(collections, put, timers, nowMs) {
    this.#collections = collections;
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
    for (const prefix of collections.asked)
      this.#lines.set(prefix, { prefix, resumed: null, isLive: false, hasBegunList: false });
  }
  /** Whether all lists are up to date. */
  get isLive() {
    return Array.from(this.#lines.values()).every(({ isLive }) => isLive);
  }
  /** Whether this connection has brought more pieces of a list that an earlier one began. */
  get hasContinuedList() {
    return this.#hasContinuedList;
  }
  /** How long the service asks to wait, once it has said that it is about to close; null: it has not. */
  get reconnectAfterMs() {
    return this.#reconnectAfterMs;
  }
  /** Act on one message. If it throws a GapError, nothing was applied and the connection is of no more use. */
  receive(message) {
    const line = this.#lines.get(listOf(message));
    switch (message.type) {
      case "watchlist_update":
      case "list_update":
        if (line) this.#update(message, line);
        break;
      case "watchlist_snapshot":
      case "list_snapshot":
        if (line) this.#replaceList(message, line);
        break;
      case "watchlist_snapshot_piece":
      case "list_snapshot_piece":
        if (line) this.#collect(message, line);
        break;
      case "resumed":
        if (line) this.#resume(message, line);
        break;
      case "ack":
        this.#acknowledge(message);
        break;
      case "error":
        this.#fail(message);
        break;
      case "goodbye":
        this.#reconnectAfterMs = message.reconnect_in_ms;
        break;
      case "progress_update": {
        const { content_id, position, duration, revision } = message;
        if (revision === void 0) this.#emit({ type: "progress", content_id, position, duration });
        break;
      }
      case "device_command": {
        const {
          command,
          target_device = null,
          payload = null,
          from_device_id = null,
          position_seconds = null
        } = message;
        this.#emit({ type: "command", command, target_device, payload, from_device_id, position_seconds });
      }
    }
  }
  /** Send the writes that may go now; they are in flight from here on. */
  sendWrites() {
    if (!this.isLive || this.#isPaused) return;
    const { queue, registers } = this.#collections;
    for (const write2 of queue.takeSendable((key) => this.#collections.isFollowed(prefixIn(key)))) {
      const form = areRegisters(prefixIn(write2.content_id)) ? registers?.asMessage : asMessage;
      if (form) this.#put({ type: "send", message: form(write2) });
    }
  }
  /** Allow sending again: the service had asked to be tried later. */
  endPause() {
    this.#isPaused = false;
  }
  #resume(resumed, line) {
    line.resumed = resumed;
    if (resumed.recovered) {
      this.#collections.pieces(line.prefix).drop();
      this.#collections.adoptEpoch(line.prefix, resumed.epoch);
      this.#checkLive(line);
    } else {
      this.#collections.pieces(line.prefix).keepOnly(resumed.revision, resumed.epoch);
      line.isLive = false;
    }
  }
  #collect(piece2, line) {
    const pieces = this.#collections.pieces(line.prefix);
    if (!pieces.collect(piece2))
      throw new GapError(`a piece of the list at revision ${piece2.revision} came without those before it`);
    if (piece2.start) line.hasBegunList = true;
    else if (!line.hasBegunList) this.#hasContinuedList = true;
    const snapshot2 = pieces.snapshot();
    if (snapshot2 !== null) this.#replaceList(snapshot2, line);
  }
  #replaceList(snapshot2, line) {
    this.#collections.pieces(line.prefix).drop();
    this.#collections.applySnapshot(line.prefix, snapshot2);
    this.#goLive(line, false);
  }
  #update(update2, line) {
    const { revision } = update2;
    const before2 = this.#collections.head(line.prefix).revision;
    if (revision === void 0 || revision <= before2) return;
    const lastMissing = areRegisters(line.prefix) && line.resumed?.recovered ? line.resumed.revision : 0;
    if (revision > Math.max(before2 + 1, lastMissing)) throw new GapError(`revision ${revision} came after ${before2}`);
    this.#collections.applyUpdate(line.prefix, update2, revision);
    this.#checkLive(line);
  }
  #checkLive(line) {
    const { resumed, prefix } = line;
    if (resumed?.recovered && this.#collections.head(prefix).revision >= resumed.revision) this.#goLive(line, true);
  }
  #goLive(line, recovered) {
    if (line.isLive) return;
    line.isLive = true;
    const reason = recovered ? null : line.resumed?.reason ?? null;
    this.#emit({ type: "resumed", recovered, reason, ...named(line.prefix) });
    if (this.isLive) this.#timers.start("stable", STABLE_MS);
  }
  #acknowledge({ id, status, revision, timestamp }) {
    const write2 = this.#collections.queue.inFlight(id);
    if (write2 === void 0) return;
    this.#collections.acknowledge(write2, revision, timestamp, status === "superseded");
    this.#emit({ type: "confirmed", ...nameOf(write2), status, revision: revision ?? null });
  }
  #fail({ id, code, field, message = "", retry_after_ms }) {
    const write2 = this.#collections.queue.inFlight(id);
    if (write2 === void 0) return;
    if (code === "not_found" && write2.operation !== "update") {
      this.#acknowledge({ id: write2.operation_id, status: "not_found" });
      return;
    }
    const { queue } = this.#collections;
    const isAsSent = queue.isAsSent(write2);
    queue.release(write2.operation_id);
    if (code === "try_again_later") {
      this.#isPaused = true;
      this.#timers.start("retry", retry_after_ms ?? RETRY_MS);
    } else if (field === "timestamp" && !write2.isUnstamped) {
      if (isAsSent) this.#collections.stampAgain(write2, this.#nowMs());
    } else if (hasNoRoomForTag(code, field) && write2.tag !== void 0) {
      this.#collections.retag(write2);
    } else {
      this.#collections.refuse(write2);
      this.#emit({ type: "refused", ...nameOf(write2), code, message });
    }
  }
  #emit(event) {
    this.#put({ type: "emit", event });
  }
};
function hasNoRoomForTag(code, field) {
  return code === "quota_exceeded" && field === "tag";
}
function nameOf({ operation_id, origin = operation_id, operation: operation2, content_id }) {
  const collection = named(prefixIn(content_id));
  const field = collection.collection === "devices" ? "device_id" : "content_id";
  return { operation_id: origin, operation: operation2, [field]: contentIn(content_id), ...collection };
}
function listOf(message) {
  return prefixOf(message.type.startsWith("watchlist") ? void 0 : message.list);
}

// src/core/backoff.ts
var BASE_MS = 500;
var CAP_MS = 3e4;
var Backoff = class {
  #failures = 0;
  /** Count one more failure; how long to wait now. `random`: in [0, 1). */
  nextMs(random) {
    const boundMs = Math.min(CAP_MS, BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.floor(random * boundMs);
  }
  /** Start again from the shortest wait. */
  reset() {
    this.#failures = 0;
  }
};

// src/core/pauses.ts
var Pauses = class {
  #put;
  #timers;
  #random;
  #backoff = new Backoff();
  /** `put`: where its outputs go; `random`: in [0, 1). */
  constructor(put, timers, random) {
    this.#put = put;
    this.#timers = timers;
    this.#random = random;
  }
  /** Begin again with short pauses: an attempt got somewhere, or the app wants another one now. */
  shorten() {
    this.#backoff.reset();
  }
  /** Wait, as a rule longer than the last time, and at least `atLeastMs`. */
  backOff(code, reason, atLeastMs) {
    this.wait(Math.max(this.#backoff.nextMs(this.#random()), atLeastMs), code, reason);
  }
  /** Wait for `afterMs`. */
  wait(afterMs, code, reason) {
    this.#timers.start("reconnect", afterMs);
    this.tell(code, afterMs, reason);
  }
  /**
   * Only tell the app that a connection or attempt ended; `retryInMs` 0: no pause follows; null: the app has to
   * connect.
   */
  tell(code, retryInMs, reason) {
    this.#put({ type: "emit", event: { type: "disconnected", code, retry_in_ms: retryInMs, reason } });
  }
};

// src/core/silence.ts
var SILENCE_MS = 2e4;
var URGENT_MS = 4e3;
var Silence = class {
  #put;
  #timers;
  #canAsk = false;
  #hasAsked = false;
  #hasHeard = false;
  #isUrgent = false;
  /** `put`: where its outputs go. */
  constructor(put, timers) {
    this.#put = put;
    this.#timers = timers;
  }
  /** Whether the interval under way is a short one. */
  get isUrgent() {
    return this.#isUrgent;
  }
  /** Watch from here on. `canAsk`: a ping can be sent; `hasAsked`: what was sent already wants an answer. */
  begin(canAsk, hasAsked) {
    this.#canAsk = canAsk;
    this.#hasAsked = hasAsked;
    this.#beginInterval(SILENCE_MS);
  }
  /** Note that something came. */
  heard() {
    this.#hasHeard = true;
  }
  /** Ask for a sign of life, and give it little time. */
  hurry() {
    this.#hasAsked = true;
    this.#ask();
    this.#beginInterval(URGENT_MS);
    this.#isUrgent = true;
  }
  /** Whether the connection is dead, by the interval that ends now; if not, the next one begins. */
  check() {
    if (this.#hasAsked && !this.#hasHeard) return true;
    this.#hasAsked = !this.#hasHeard;
    if (this.#hasAsked) this.#ask();
    this.#beginInterval(SILENCE_MS);
    return false;
  }
  #ask() {
    if (this.#canAsk) this.#put({ type: "send", message: { type: "ping" } });
  }
  #beginInterval(afterMs) {
    this.#hasHeard = false;
    this.#isUrgent = false;
    this.#timers.start("silence", afterMs);
  }
};

// src/core/target.ts
var POLL_S = 25;
function targetOf(transport, collections, isLive) {
  const path = transport === "websocket" ? "/ws" : "/api/v1/sync/stream";
  const lists = collections.asked.map((prefix) => ({ prefix, cursor: collections.pieces(prefix).cursor }));
  lists.sort((a, b) => Number(b.cursor !== null) - Number(a.cursor !== null));
  let target = `${path}?snapshot=pieces`;
  for (const { prefix } of lists) {
    const { revision, epoch } = collections.head(prefix);
    const [name, between2] = lists.length === 1 ? ["", "&epoch="] : [`${nameOf2(prefix)}:`, ":"];
    target += `&since=${name}${revision}`;
    if (epoch !== null) target += between2 + encodeURIComponent(epoch);
  }
  const cursor = lists[0]?.cursor;
  if (cursor) target += `&snapshot_cursor=${encodeURIComponent(cursor)}`;
  if (transport === "polling") target += `&poll=${isLive ? POLL_S : 0}`;
  return target;
}
function nameOf2(prefix) {
  const { list, collection = "watchlist" } = named(prefix);
  return list === void 0 ? collection : `list:${list}`;
}

// src/core/transports.ts
var FAILURES = 2;
var FIRST_PROBE_MS = 6e4;
var LAST_PROBE_MS = 9e5;
var Transports = class {
  #put;
  #timers;
  #nowMs;
  #current = "websocket";
  #failures = 0;
  #hasMessage = false;
  /** The transport that works, while a WebSocket is tried in its place. */
  #insteadOf = null;
  #probePauseMs = FIRST_PROBE_MS;
  /** When the WebSocket is to be probed, by the wall clock. */
  #probeMs = null;
  #isProbing = false;
  /** `put`: where its outputs go. */
  constructor(put, timers, nowMs) {
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
  }
  /** The transport of the attempt or connection under way, or else of the next one. */
  get current() {
    return this.#current;
  }
  /** Forget all failures: the network may be another one. */
  beginAgain() {
    this.#current = "websocket";
    this.#failures = 0;
    this.#insteadOf = null;
    this.#forgetProbes();
  }
  #forgetProbes() {
    this.#probePauseMs = FIRST_PROBE_MS;
    this.#probeMs = null;
  }
  /** Note that an attempt begins. */
  beginAttempt() {
    this.#hasMessage = false;
  }
  /** Note that the current transport works. */
  messageCame() {
    this.#hasMessage = true;
    this.#insteadOf = null;
    if (this.#current === "websocket") {
      this.#failures = 0;
      this.#forgetProbes();
    }
  }
  /** Choose the next attempt's transport; whether to use it at once: a WebSocket was tried in its place. */
  attemptEnded(then, isSilence = false) {
    const isOfNetwork = then === "reconnect" || then === "reconnect_without_upgrade";
    if (this.#hasMessage || !isOfNetwork) return false;
    if (this.#insteadOf !== null) {
      this.#current = this.#insteadOf;
      this.#insteadOf = null;
      this.#lengthenPause();
      return true;
    }
    if (this.#current === "websocket") {
      this.#failures += then === "reconnect" ? 1 : FAILURES;
      if (this.#failures >= FAILURES) this.#current = "stream";
    } else if (this.#current === "stream" && isSilence) {
      this.#current = "polling";
    } else {
      this.#current = "websocket";
      this.#failures = FAILURES - 1;
    }
    return false;
  }
  // The WebSocket beside another transport
  /** Have the WebSocket probed after a pause; connections that end meanwhile do not put it off further. */
  timeProbe() {
    if (this.#current === "websocket") return;
    const nowMs = this.#nowMs();
    this.#probeMs ??= nowMs + this.#probePauseMs;
    this.#timers.start("probe", Math.min(Math.max(this.#probeMs - nowMs, 0), this.#probePauseMs));
  }
  /** See whether a WebSocket can be had. */
  probe(target, token) {
    this.#isProbing = true;
    this.#put({ type: "probe", target, token });
  }
  /** Accept no answer of the probe any more. */
  endProbe() {
    this.#isProbing = false;
  }
  /** Whether to try a WebSocket now in place of what works; if not, it is probed again after a longer pause. */
  probed(isThere) {
    if (!this.#isProbing) return false;
    this.#isProbing = false;
    if (isThere) {
      this.#insteadOf = this.#current;
      this.#current = "websocket";
    } else {
      this.#lengthenPause();
      this.timeProbe();
    }
    return isThere;
  }
  #lengthenPause() {
    this.#probePauseMs = Math.min(2 * this.#probePauseMs, LAST_PROBE_MS);
    this.#probeMs = null;
  }
};

// src/core/connector.ts
var FOLLOW_MS = 50;
var Connector = class {
  #collections;
  #put;
  #timers;
  #nowMs;
  #tokens;
  #transports;
  #silence;
  #pauses;
  /** Stays `opening` while there is an exchange. */
  #state = "stopped";
  /** While the connection is open. */
  #exchange = null;
  /** `put`: where its outputs go. */
  constructor(collections, put, timers, { nowMs, random }) {
    this.#collections = collections;
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
    this.#tokens = new Tokens(collections.userId, put, this.#timers, nowMs);
    this.#transports = new Transports(put, this.#timers, nowMs);
    this.#pauses = new Pauses(put, this.#timers, random);
    this.#silence = new Silence(put, this.#timers);
  }
  /** Where the client stands. */
  get state() {
    if (this.#exchange === null) return this.#state;
    return this.#exchange.isLive ? "live" : "resuming";
  }
  /** The transport of the attempt or connection under way. */
  get transport() {
    return this.#state === "opening" ? this.#transports.current : null;
  }
  // The app and its callback
  /** Connect now, if offline. */
  connect() {
    if (this.#state !== "stopped" && this.#state !== "waiting") return;
    this.#pauses.shorten();
    this.#transports.beginAgain();
    this.#timers.stop("reconnect");
    this.#askToOpen();
  }
  /** Stay offline until `connect`. */
  disconnect() {
    if (this.#state === "stopped") return;
    this.#hangUp();
    this.#stop(null, "the app went offline");
  }
  /** End for good. */
  signOut() {
    this.#hangUp();
    this.#leave("signed_out");
    this.#timers.stop("report");
  }
  /** Make sure of the connection: the network is back, the device woke or the user returned. */
  wake() {
    if (this.#state === "waiting") this.connect();
    else if (this.#state === "opening" && (this.#exchange === null || this.#isWebSocket)) {
      if (!this.#silence.isUrgent) this.#silence.hurry();
    } else if (this.#exchange !== null) this.#openInstead(this.#tokens.used);
  }
  /** Ask for the newly opened collections, too: once for all that are opened together. */
  follow() {
    if (this.#state === "opening") this.#timers.start("follow", FOLLOW_MS);
  }
  /** Send the writes that may go now. */
  sendWrites() {
    this.#exchange?.sendWrites();
  }
  /** Use the token that was asked for: to open a connection, or on the open one. */
  token(unstripped) {
    if (!this.#tokens.endQuestion()) return;
    const token = stripped(unstripped);
    const fault = this.#tokens.faultOf(token);
    if (fault !== null) this.#goWithout(fault);
    else if (this.#state === "token") this.#open(token);
    else if (token.value === this.#tokens.used.value) this.#tokens.use(token);
    else if (this.#isWebSocket) {
      this.#put({ type: "send", message: { type: "authenticate", token: token.value } });
      this.#tokens.use(token);
    } else this.#openInstead(token);
  }
  /** Go on without a token: the app's callback gave none. */
  noToken(fault) {
    if (this.#tokens.endQuestion()) this.#goWithout(fault);
  }
  #goWithout({ reason, isLasting }) {
    if (this.#state !== "token") this.#tokens.renewLater();
    else if (isLasting) this.#stop(null, reason);
    else this.#reconnect(null, reason);
  }
  // The connection
  /** Begin an exchange: the connection is open, or the next poll is being answered. */
  opened() {
    if (this.#exchange !== null) return;
    this.#exchange = new Exchange(this.#collections, this.#put, this.#timers, this.#nowMs);
    this.#silence.begin(this.#isWebSocket, !this.#isWebSocket);
    this.#put({ type: "emit", event: { type: "connected" } });
  }
  /** Decide what follows: the connection did not open, or a poll was refused; `problem`: the service's own words. */
  openFailed(status, retryAfterS, problem) {
    const isOwn = problem !== void 0;
    const refusal = status === void 0 ? "no connection" : `refused with status ${status}`;
    const reason = isOwn ? `${refusal}: ${problem}` : refusal;
    this.#ended(afterRefusal(this.#transports.current, status, isOwn), null, reason, delayMs(retryAfterS, isOwn));
  }
  /** Decide what follows: the connection ended. */
  closed(code) {
    const reason = `closed with code ${code}`;
    const reconnectAfterMs = this.#exchange?.reconnectAfterMs ?? null;
    const then = afterClose(code);
    if (then === "reconnect" && reconnectAfterMs !== null) {
      this.#leave("waiting");
      this.#pauses.wait(reconnectAfterMs, code, reason);
    } else this.#ended(then, code, reason);
  }
  /** Note that bytes came. */
  heard() {
    this.#silence.heard();
  }
  /** Act on one message; null: one of a type that we do not know. */
  received(received) {
    this.#silence.heard();
    const { registers } = this.#collections;
    const exchange = this.#exchange;
    if (received === null || exchange === null) return;
    const message = registers === null ? received : registers.read(received);
    if (message === null) return;
    this.#transports.messageCame();
    const wasLive = exchange.isLive;
    try {
      exchange.receive(message);
    } catch (error) {
      if (!(error instanceof GapError)) throw error;
      this.#lost(error.message);
      return;
    }
    if (exchange.hasContinuedList) this.#pauses.shorten();
    if (exchange.isLive && !wasLive) this.#transports.timeProbe();
  }
  /** Poll again: the last answer ended as it should. */
  polled() {
    if (this.#exchange === null || this.#transports.current !== "polling") return;
    this.#silence.heard();
    this.#putOpen(this.#tokens.used);
  }
  /** Change over to a WebSocket, if the probe has found that one can be had. */
  probed(isThere) {
    if (this.#transports.probed(isThere)) this.#openInstead(this.#tokens.used);
  }
  // Time
  /** Do what the timer was for; after a sleep, make sure of the connection as well. */
  due(timer) {
    const hasSlept = this.#timers.ranOut(timer);
    if (timer === "silence" && !(hasSlept && this.#isUnasked)) this.#checkSilence();
    else {
      this.#doWhatIsDue(timer);
      if (hasSlept && this.#isUnasked) this.#silence.hurry();
    }
  }
  #doWhatIsDue(timer) {
    switch (timer) {
      case "reconnect":
        this.#askToOpen();
        break;
      case "stable":
        this.#pauses.shorten();
        break;
      case "renew":
        if (this.#exchange !== null) this.#tokens.ask();
        break;
      case "retry":
        this.#exchange?.endPause();
        break;
      case "report":
        this.#collections.registers?.flush();
        break;
      case "token":
        if (this.#state === "token") this.#hangUp();
        this.noToken(NO_ANSWER);
        break;
      case "follow":
        this.#openInstead(this.#tokens.used);
        break;
      case "probe":
        if (this.#exchange !== null)
          this.#transports.probe(targetOf("websocket", this.#collections, false), this.#tokens.used.value);
    }
  }
  #checkSilence() {
    if (this.#exchange !== null && !this.#silence.check()) return;
    if (!this.#silence.isUrgent) {
      this.#lost("no answer", true);
      return;
    }
    this.#hangUp();
    this.#leave("waiting");
    this.#pauses.tell(null, 0, "no answer after waking up");
    this.#askToOpen();
  }
  // Attempts and their ends
  get #isWebSocket() {
    return this.#transports.current === "websocket";
  }
  /** Whether there is an open WebSocket that is not being asked for a sign of life already. */
  get #isUnasked() {
    return this.#exchange !== null && this.#isWebSocket && !this.#silence.isUrgent;
  }
  #askToOpen() {
    this.#state = "token";
    this.#tokens.ask();
  }
  #open(token) {
    this.#state = "opening";
    this.#tokens.use(token);
    this.#collections.ask();
    this.#transports.beginAttempt();
    this.#putOpen(token);
    this.#silence.begin(false, true);
  }
  #putOpen({ value }) {
    const transport = this.#transports.current;
    const target = targetOf(transport, this.#collections, this.state === "live");
    this.#put({ type: "open", transport, target, token: value });
  }
  /** Replace the connection at once: nothing is lost, and the app is not told of an end. */
  #openInstead(token) {
    this.#put({ type: "close" });
    this.#leave("opening");
    this.#open(token);
  }
  #ended(then, code, reason, atLeastMs = 0) {
    if (then === "reconnect_with_new_token") this.#tokens.spend();
    if (then === "stop") this.#stop(code, reason);
    else if (this.#transports.attemptEnded(then)) this.#openInstead(this.#tokens.used);
    else this.#reconnect(code, reason, atLeastMs);
  }
  #lost(reason, isSilence = false) {
    if (this.#transports.attemptEnded("reconnect", isSilence)) this.#openInstead(this.#tokens.used);
    else {
      this.#hangUp();
      this.#reconnect(null, reason);
    }
  }
  #reconnect(code, reason, atLeastMs = 0) {
    this.#leave("waiting");
    this.#pauses.backOff(code, reason, atLeastMs);
  }
  #stop(code, reason) {
    this.#leave("stopped");
    this.#pauses.tell(code, null, reason);
  }
  #hangUp() {
    if (this.#state === "token" || this.#state === "opening") this.#put({ type: "close" });
  }
  #leave(state) {
    this.#state = state;
    this.#exchange = null;
    this.#collections.queue.releaseAll();
    this.#collections.registers?.endHints();
    this.#transports.endProbe();
    this.#tokens.endQuestion();
    this.#timers.stopAll();
  }
};

// src/core/outputs.ts
var TIMERS = ["reconnect", "stable", "renew", "retry", "silence", "token", "probe", "follow"];

// src/core/timers.ts
var SLEPT_MS = 1e4;
var Timers = class {
  #put;
  #nowMs;
  /** When each running timer is due, by the wall clock. */
  #dueMs = /* @__PURE__ */ new Map();
  /** `put`: where its outputs go. */
  constructor(put, nowMs) {
    this.#put = put;
    this.#nowMs = nowMs;
  }
  /** Have the timer run out in `afterMs`, whatever it was set to before. */
  start(timer, afterMs) {
    this.#dueMs.set(timer, this.#nowMs() + afterMs);
    this.#put({ type: "start_timer", timer, afterMs });
  }
  /** Stop it, if it runs. */
  stop(timer) {
    if (this.#dueMs.delete(timer)) this.#put({ type: "stop_timer", timer });
  }
  isRunning(timer) {
    return this.#dueMs.has(timer);
  }
  /** Stop those that belong to a connection or an attempt. */
  stopAll() {
    for (const timer of TIMERS) this.stop(timer);
  }
  /** Note that it ran out; whether that came so late that the device must have slept. */
  ranOut(timer) {
    const nowMs = this.#nowMs();
    const dueMs = this.#dueMs.get(timer) ?? nowMs;
    this.#dueMs.delete(timer);
    return nowMs - dueMs > SLEPT_MS;
  }
};

// src/core/core.ts
var Core = class {
  #deps;
  #outputs = [];
  #signedIn = null;
  /** By prefix, the collections beside the watchlist that the app wants, whoever is signed in. */
  #opened = /* @__PURE__ */ new Set();
  /** The part for registers; null: it is not loaded. */
  #registers = null;
  constructor(deps) {
    this.#deps = deps;
  }
  /** Where the client stands. */
  get state() {
    return this.#signedIn?.connector.state ?? "signed_out";
  }
  /** The transport of the attempt or connection under way; null: there is neither. */
  get transport() {
    return this.#signedIn?.connector.transport ?? null;
  }
  /** Whose lists are open; null: nobody's. */
  get userId() {
    return this.#signedIn?.collections.userId ?? null;
  }
  /** The signed-in user's lists and queue; read-only. */
  get stored() {
    return this.#signedIn?.collections.state ?? null;
  }
  /** What is shown of registers but not stored; null: nothing. */
  get transient() {
    return this.#signedIn?.collections.registers?.transient ?? null;
  }
  /** Follow registers from here on: the part that they need was loaded. */
  useRegisters(part) {
    this.#registers = part;
    if (this.#signedIn !== null) {
      if (this.#followAll(this.#signedIn)) this.#signedIn.connector.follow();
      this.#signedIn.collections.registers?.tidy();
    }
    return this.#done();
  }
  // The app's calls
  /** Open a user's lists and connect; throws as `checkUserId`. `stored`: what is kept of the user; becomes the core's own. */
  signIn(userId, stored) {
    checkUserId(userId);
    if (userId === this.userId) return this.connect();
    const before2 = this.signOut(false);
    const collections = new UserCollections(userId, stored, this.#deps.newReplica);
    const put = (output) => this.#outputs.push(output);
    const timers = new Timers(put, this.#deps.nowMs);
    const connector = new Connector(collections, put, timers, this.#deps);
    this.#signedIn = { collections, connector, timers };
    this.#followAll(this.#signedIn);
    connector.connect();
    return [...before2, ...this.#done()];
  }
  #followAll({ collections, timers }) {
    if (this.#registers !== null) collections.registers ??= new this.#registers.Registers(collections, timers);
    return collections.followAll(this.#opened);
  }
  /** Follow a list beside the watchlist, or registers, from here on, whoever is signed in; throws as `checkListName`. */
  openList(list) {
    if (![PROGRESS, DEVICES, LISTS].includes(list)) checkListName(list);
    this.#opened.add(prefixOf(list));
    if (this.#signedIn?.collections.follow(prefixOf(list))) this.#signedIn.connector.follow();
    return this.#done();
  }
  /** Close the user's lists. `erase`: delete all that is stored of the user, unsent writes included. */
  signOut(erase) {
    if (this.#signedIn === null) return [];
    const { collections, connector } = this.#signedIn;
    if (erase) collections.erase();
    else collections.registers?.flush();
    connector.signOut();
    this.#outputs.push({ type: "emit", event: { type: "signed_out", user_id: collections.userId, erased: erase } });
    this.#save(collections);
    this.#signedIn = null;
    return this.#done();
  }
  /** Connect now, if offline. */
  connect() {
    return this.#put((connector) => connector.connect());
  }
  /** Stay offline until `connect`. */
  disconnect() {
    this.#signedIn?.collections.registers?.flush();
    return this.#put((connector) => connector.disconnect());
  }
  /** Make sure of the connection: the network is back, the device woke or the user returned. */
  wake() {
    return this.#put((connector) => connector.wake());
  }
  /** Queue what was reported and is not queued yet. */
  flush() {
    this.#signedIn?.collections.registers?.flush();
    return this.#done();
  }
  /**
   * Add or remove a content, update or remove a register: shown at once, sent when that is possible. `report`: an
   * update of progress that may wait some seconds for the next one. Throws an Error if nobody is signed in, a TypeError
   * if no item can carry these fields. (Those of registers were checked by `checkedWords`, or the service will refuse
   * them.) `key`: a collection's prefix, and the canonical id; the collection is followed from then on. `origin`: a
   * name for this call; if the queue has a write of that name, nothing changes. `atMs`: when the app called, if not
   * now.
   */
  enqueue(operation2, key, {
    origin,
    atMs = this.#deps.nowMs(),
    ...carried
  } = {}) {
    if (this.#signedIn === null) throw new Error("Nobody is signed in.");
    const { collections, connector } = this.#signedIn;
    const isOfRegister = areRegisters(prefixIn(key));
    const said = { ...isOfRegister ? carried : checkedCarried(carried), origin };
    if (isOfRegister && collections.registers !== null) collections.registers.enqueue(operation2, key, said, atMs);
    else collections.enqueue(operation2 === "report" ? "update" : operation2, key, atMs, said);
    if (collections.follow(prefixIn(key))) connector.follow();
    return this.#done();
  }
  // The app's callback
  /** Use the token that was asked for: to open a connection, or on the open one. */
  token(token) {
    return this.#put((connector) => connector.token(token));
  }
  /** Go on without a token for now: the callback failed. */
  tokenFailed(reason = "getToken has none now") {
    return this.#put((connector) => connector.noToken({ reason: `no token: ${reason}`, isLasting: false }));
  }
  /** Stop: the callback answered with something that can never be a token. */
  tokenUnusable(reason) {
    return this.#put((connector) => connector.noToken({ reason: `no token: ${reason}`, isLasting: true }));
  }
  // The connection
  /** The connection is open: a socket, or an answer that goes on; when polling, whenever an answer begins. */
  opened() {
    return this.#put((connector) => connector.opened());
  }
  /**
   * The connection did not open. `status`: the HTTP status of the refusal, where it is known; `problem`: the service's
   * own words, as `readProblem` finds them; undefined: anybody may have answered.
   */
  openFailed(status, retryAfterS = 0, problem) {
    return this.#put((connector) => connector.openFailed(status, retryAfterS, problem));
  }
  /** The connection ended; 1006: without a close frame. */
  closed(code) {
    return this.#put((connector) => connector.closed(code));
  }
  /** Bytes came, perhaps part of a message that is not complete yet: the connection lives. */
  heard() {
    this.#signedIn?.connector.heard();
    return [];
  }
  /** One message came; null: one of a type that we do not know. */
  received(message) {
    return this.#put((connector) => connector.received(message));
  }
  /** A poll's answer ended as it should. */
  polled() {
    return this.#put((connector) => connector.polled());
  }
  /** The probe ended: a WebSocket can be had, or not. */
  probed(isThere) {
    return this.#put((connector) => connector.probed(isThere));
  }
  // Time
  /** A timer ran out. */
  due(timer) {
    return this.#put((connector) => connector.due(timer));
  }
  // Outputs
  #put(happened) {
    if (this.#signedIn !== null) happened(this.#signedIn.connector);
    return this.#done();
  }
  /** Have what has changed stored, before anything else is done; whether the app should look again. */
  #save(collections) {
    const { changes, hasUpdated } = collections.takeChanges();
    if (changes.length > 0) this.#outputs.unshift({ type: "save", userId: collections.userId, changes });
    return hasUpdated;
  }
  /** End an input: first what it changed is stored, then what may go is sent, and `updated` comes last. */
  #done() {
    if (this.#signedIn !== null) {
      const { collections, connector } = this.#signedIn;
      const hasUpdated = this.#save(collections);
      connector.sendWrites();
      if (hasUpdated) this.#outputs.push({ type: "emit", event: { type: "updated" } });
    }
    return this.#outputs.splice(0);
  }
};

// src/platform/platform.ts
function randomBytes(length) {
  const bytes = new Uint8Array(length);
  if (globalThis.crypto?.getRandomValues !== void 0) return crypto.getRandomValues(bytes);
  return bytes.map(() => Math.floor(Math.random() * 256));
}

// src/data/messages.ts
var isText = (value) => typeof value === "string";
var isFlag = (value) => typeof value === "boolean";
var isNumber = (value) => typeof value === "number";
var isWhole = Number.isInteger;
var isName = (value) => isText(value) || isWhole(value);
var isAction = (value) => value === "add" || value === "remove";
function optional(check) {
  return (value) => value === void 0 || check(value);
}
function arrayOf(check) {
  return (value) => Array.isArray(value) && value.every(check);
}
function shape(fields) {
  const checks = Object.entries(fields);
  return (value) => typeof value === "object" && value !== null && checks.every(([name, check]) => check(value[name]));
}
var isTimestamp = shape({ physical: isWhole, logical: isWhole, node: isText });
var isObject = (value) => shape({})(value) && !Array.isArray(value);
var item = {
  content_id: isText,
  timestamp: optional(isTimestamp),
  device_id: optional(isText),
  data: optional(isObject),
  position: optional(isText)
};
var update = { ...item, action: isAction, revision: optional(isWhole) };
var snapshot = { revision: isWhole, epoch: isText, items: arrayOf(shape(item)) };
var piece = { ...snapshot, start: optional(isFlag), next: optional(isText) };
var ofList = { list: isText };
var answer = { id: optional(isName) };
var OF_REGISTERS = /^(?:(?:progress|devices)_snapshot(?:_piece)?|device_update|lists)$/u;
var SHAPES = /* @__PURE__ */ new Map([
  ["watchlist_update", shape(update)],
  ["list_update", shape({ ...update, ...ofList })],
  [
    "resumed",
    shape({
      recovered: isFlag,
      revision: isWhole,
      epoch: isText,
      reason: optional(isText),
      list: optional(isText),
      collection: optional(isText)
    })
  ],
  ["watchlist_snapshot", shape(snapshot)],
  ["list_snapshot", shape({ ...snapshot, ...ofList })],
  ["watchlist_snapshot_piece", shape(piece)],
  ["list_snapshot_piece", shape({ ...piece, ...ofList })],
  ["ack", shape({ ...answer, status: isText, revision: optional(isWhole), timestamp: optional(isTimestamp) })],
  [
    "error",
    shape({
      ...answer,
      code: isText,
      field: optional(isText),
      message: optional(isText),
      retry_after_ms: optional(isWhole)
    })
  ],
  ["goodbye", shape({ reconnect_in_ms: isWhole })],
  ["progress_update", shape({ content_id: isText, position: isNumber, duration: isNumber })],
  [
    "device_command",
    shape({
      command: isText,
      target_device: optional(isText),
      from_device_id: optional(isText),
      position_seconds: optional(isNumber)
    })
  ],
  ["pong", shape({})],
  ["authenticated", shape({})]
]);
function decode(data) {
  try {
    return recognized(JSON.parse(String(data)));
  } catch {
    return null;
  }
}
function recognized(value) {
  const message = value;
  const isRight = SHAPES.get(message?.type)?.(message) ?? OF_REGISTERS.test(message?.type);
  return isRight ? message : null;
}
function encode(message) {
  return JSON.stringify(message);
}

// src/transport/websocket_transport.ts
var EXPLANATION_MS = 5e3;
var WebSocketTransport = class {
  #line;
  #token;
  #socket = null;
  #isOpen = false;
  #hasFailed = false;
  constructor(line, token) {
    this.#line = line;
    this.#token = token;
  }
  open(target) {
    const line = this.#line;
    let socket;
    try {
      socket = line.newSocket(target, this.#token);
    } catch (error) {
      const name = error instanceof Error ? error.name : "an error";
      line.putLast((core) => core.openFailed(400, 0, `no WebSocket can be made with this address and token: ${name}`));
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      line.put((core) => core.opened());
    };
    socket.onmessage = (event) => {
      const message = decode(event.data);
      line.put((core) => core.received(message));
    };
    socket.onclose = ({ code }) => {
      if (this.#isOpen) line.putLast((core) => core.closed(code));
      else void this.#fail(target);
    };
    socket.onerror = () => {
      if (!this.#isOpen) void this.#fail(target);
    };
  }
  send(message) {
    this.#socket?.send(encode(message));
  }
  drop() {
    this.#socket?.close(1e3);
  }
  /** Tell the core that there was no upgrade, and why, if the service says so in time. */
  async #fail(target) {
    if (this.#hasFailed || this.#line.isClosed) return;
    this.#hasFailed = true;
    const giveUp = () => this.#line.putLast((core) => core.openFailed());
    const timeout = setTimeout(giveUp, EXPLANATION_MS);
    const answer2 = await this.#explanation(target);
    clearTimeout(timeout);
    if (answer2 === null) giveUp();
    else this.#line.putLast((core) => core.openFailed(answer2.status, answer2.retryAfterS, answer2.problem));
  }
  /** The service's answer that explains the refusal; null: there is none. */
  async #explanation(target) {
    if (globalThis.navigator?.onLine === false) return null;
    try {
      const { explain } = await loadRefusedUpgrade();
      return await explain(this.#line, target, this.#token);
    } catch {
      return null;
    }
  }
};

// src/transport/link.ts
var Link = class {
  signal;
  #service;
  #putAlways;
  #abort = typeof AbortController === "undefined" ? null : new AbortController();
  #carrier = null;
  #endProbe = null;
  #isClosed = false;
  /** How often the app's callback was asked: only the last answer counts. */
  #questions = 0;
  constructor(service, put) {
    this.#service = service;
    this.#putAlways = put;
    this.signal = this.#abort?.signal ?? null;
  }
  get address() {
    return this.#service.address;
  }
  /** Whether it reports nothing more. */
  get isClosed() {
    return this.#isClosed;
  }
  /** Tell the core what the app's callback answers; an answer to an earlier question is dropped. */
  askToken() {
    this.#questions += 1;
    void this.#askToken(this.#questions);
  }
  /** Open `target` and tell the core all that comes, to the end. */
  open(transport, target, token) {
    if (transport === "websocket") this.#carrier = new WebSocketTransport(this, token);
    if (this.#carrier === null) void this.#openWithoutUpgrade(target, token, transport === "polling");
    else this.#carrier.open(target);
  }
  async #openWithoutUpgrade(target, token, isPolling) {
    try {
      const { HttpTransport } = await loadRefusedUpgrade();
      if (this.#isClosed) return;
      this.#carrier = new HttpTransport(this, token, isPolling);
      this.#carrier.open(target);
    } catch {
      this.putLast((core) => core.openFailed());
    }
  }
  /** Tell the core whether a WebSocket can be had. */
  async probe(target, token) {
    const { probe } = await loadRefusedUpgrade();
    if (!this.#isClosed) this.#endProbe = probe(this, target, token);
  }
  send(message) {
    this.#carrier?.send(message);
  }
  /** Report nothing more and close with code 1000, at any stage. */
  drop() {
    this.#isClosed = true;
    this.#abort?.abort();
    this.#carrier?.drop();
    this.#endProbe?.();
  }
  // What the transport reports to
  recognized = recognized;
  put(happened) {
    if (!this.#isClosed) this.#putAlways(happened);
  }
  putLast(happened) {
    if (this.#isClosed) return;
    this.drop();
    this.#putAlways(happened);
  }
  newSocket(target, token) {
    return new this.#service.WebSocket(this.address + target, ["syncd.v1", `bearer.${token}`]);
  }
  async #askToken(question) {
    let happened;
    try {
      happened = answered(await this.#service.getToken());
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      happened = (core) => core.tokenFailed(`getToken failed: ${name}`);
    }
    if (question === this.#questions) this.put(happened);
  }
};
function answered(value) {
  if (value === null || value === void 0) return (core) => core.tokenFailed();
  if (typeof value === "string") return (core) => core.token(readToken(value));
  return (core) => core.tokenUnusable(`getToken must answer with a text, not ${kindOf(value)}`);
}
function kindOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

// src/engine.ts
var MAX_TIMER_MS = 2 ** 31 - 1;
var Engine = class {
  #service;
  #store;
  #onBatch;
  #onStoreFailed;
  #core = new Core({ nowMs: Date.now, random: Math.random, newReplica: randomName });
  #timers = /* @__PURE__ */ new Map();
  #userId = "";
  #link = null;
  #waiting = [];
  #pumping = null;
  #isClosed = false;
  #isRetired = false;
  constructor(service, store, onBatch, onStoreFailed) {
    this.#service = service;
    this.#store = store;
    this.#onBatch = onBatch;
    this.#onStoreFailed = onStoreFailed;
  }
  get state() {
    return this.#core.state;
  }
  /** The transport of the attempt or connection under way; null: there is neither. */
  get transport() {
    return this.#core.transport;
  }
  get stored() {
    return this.#core.stored;
  }
  /** What is shown of registers but not stored; null: nothing. */
  get transient() {
    return this.#core.transient;
  }
  /** Follow registers from here on. */
  useRegisters(part) {
    this.#perform(this.#core.useRegisters(part));
  }
  signIn(userId, stored) {
    this.#userId = userId;
    this.#perform(this.#core.signIn(userId, stored));
  }
  /**
   * Do what `call` asks for. Its effect on the list is there at once; `name` is reported as done when it is durable. If
   * the queue has a write of that name, it is not done again. After a log-out nothing is done: that is stored next, and
   * told.
   */
  call(call, name) {
    if (this.stored !== null) this.#perform(this.#outputsOf(call), name);
  }
  /** Stop at once and for ever, without telling anybody but the service; needed after `onStoreFailed`, too. */
  retire() {
    this.#isRetired = true;
    this.#stop();
  }
  /** Stop for ever, once the effects of all calls are stored and told. */
  async close() {
    this.#isClosed = true;
    this.#stop();
    await this.#pumping;
  }
  #stop() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#dropLink();
  }
  #outputsOf(call) {
    switch (call.type) {
      case "hello":
        return this.#core.state === "waiting" ? this.#core.connect() : [];
      case "connect":
      case "disconnect":
      case "wake":
      case "flush":
        return this.#core[call.type]();
      case "sign_out":
        return this.#core.signOut(call.erase);
      case "open_list":
        return this.#core.openList(call.list);
      case "change":
      case "write":
        return this.#enqueue(call);
    }
  }
  #enqueue({ operation: operation2, writes, atMs, ...carried }) {
    const outputs = [];
    for (const { content_id, name } of writes)
      outputs.push(...this.#core.enqueue(operation2, content_id, { origin: name, atMs, ...carriedBy(carried) }));
    return outputs;
  }
  #put(happened) {
    this.#perform(happened(this.#core));
  }
  /** Carry out the outputs. Timers and `close` do not wait for the store: nothing more of a closed link may come in. */
  #perform(outputs, done2) {
    if (this.#isRetired || this.#isClosed) return;
    for (const output of outputs) {
      switch (output.type) {
        case "start_timer":
          this.#startTimer(output.timer, output.afterMs);
          break;
        case "stop_timer":
          clearTimeout(this.#timers.get(output.timer));
          break;
        case "close":
          this.#dropLink();
          break;
        default:
          if (output.type === "ask_token" || output.type === "open") this.#link = this.#openLink ?? this.#newLink();
          this.#waiting.push({ output, link: this.#openLink });
      }
    }
    if (done2 !== void 0) this.#waiting.push({ done: done2 });
    this.#pumping ??= this.#pump();
  }
  /** Store all that waits in one go, then carry it out in order: a burst shares a transaction. */
  async #pump() {
    await null;
    while (this.#waiting.length > 0 && !this.#isRetired) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const changes = savedIn(waiting);
      try {
        if (changes.length > 0) await this.#store.save(this.#userId, changes);
      } catch (error) {
        this.#onStoreFailed(error);
        return;
      }
      if (!this.#isRetired) this.#onBatch({ changes, ...this.#carryOut(waiting) });
    }
    this.#pumping = null;
  }
  /** Do what was waiting for the store; returns the events and calls to tell, with a single `updated`, at the end. */
  #carryOut(waiting) {
    const events = [];
    let updated = [];
    const done2 = [];
    for (const each of waiting) {
      if ("done" in each) done2.push(each.done);
      else if (each.output.type === "emit") {
        const { event } = each.output;
        if (event.type === "updated") updated = [event];
        else events.push(event);
      } else if (each.link !== null && each.link === this.#openLink) execute(each.output, each.link);
    }
    return { events: [...events, ...updated], done: done2 };
  }
  /** The link under way, if there is one. */
  get #openLink() {
    return this.#link?.isClosed === false ? this.#link : null;
  }
  #newLink() {
    return new Link(this.#service, (happened) => this.#put(happened));
  }
  #dropLink() {
    this.#link?.drop();
    this.#link = null;
  }
  #startTimer(timer, afterMs) {
    clearTimeout(this.#timers.get(timer));
    this.#timers.set(
      timer,
      setTimeout(() => this.#put((core) => core.due(timer)), Math.min(afterMs, MAX_TIMER_MS))
    );
  }
};
function savedIn(waiting) {
  const changes = [];
  const head = {};
  for (const each of waiting) {
    if (!("output" in each) || each.output.type !== "save") continue;
    for (const change of each.output.changes)
      if ("set" in change) Object.assign(head, change.set);
      else changes.push(change);
  }
  return Object.keys(head).length > 0 ? [{ set: head }, ...changes] : changes;
}
function execute(output, link) {
  if (output.type === "ask_token") link.askToken();
  else if (output.type === "open") link.open(output.transport, output.target, output.token);
  else if (output.type === "probe") void link.probe(output.target, output.token);
  else if (output.type === "send") link.send(output.message);
}
function randomName() {
  return Array.from(randomBytes(12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/stores/store.ts
var SupersededError = class extends Error {
  constructor() {
    super("another tab keeps this user's state now");
  }
};
var ErasedError = class extends Error {
  constructor() {
    super("another tab has erased this user's state");
  }
};

// src/tabs/latch.ts
function latch() {
  let ends;
  const promise = new Promise((...both) => {
    ends = both;
  });
  return [promise, ...ends];
}

// src/tabs/leader_timeout.ts
var LEADER_TIMEOUT_MS = 3e3;
var LeaderTimeout = class {
  #onExpired;
  #timer;
  constructor(onExpired) {
    this.#onExpired = onExpired;
  }
  /** Start counting, unless it is counting already. */
  start() {
    this.#timer ??= setTimeout(() => {
      this.#timer = void 0;
      this.#onExpired();
    }, LEADER_TIMEOUT_MS);
  }
  stop() {
    clearTimeout(this.#timer);
    this.#timer = void 0;
  }
};

// src/tabs/leader_copy.ts
var LeaderCopy = class {
  // Read-only for others
  /** The name of the leader's engine; null: no leader is known. */
  leader = null;
  state = null;
  transport = null;
  storage = null;
  stored = null;
  transient = null;
  /** The number of the last batch, heard or told. */
  number = 0;
  #onApplied;
  /** The batches that came while the copy was on its way; null: the copy is here. */
  #pending = null;
  /** `onApplied`: called with each batch once the copy has its changes. */
  constructor(onApplied) {
    this.#onApplied = onApplied;
  }
  /** Calls for what the leader had only in memory, to be made again; a write that is in the queue is not done twice. */
  get lost() {
    const unstored = this.storage === "memory" ? this.stored?.queue.values() ?? [] : [];
    const queued = Array.from(unstored, (write2) => ({ origin: write2.operation_id, ...write2 }));
    const held = (this.transient?.held ?? []).map((report) => ({ ...report, origin: report.content_id }));
    return [...queued, ...held].map(({ operation: operation2, content_id, origin, timestamp, ...carried }) => ({
      type: "change",
      operation: operation2,
      writes: [{ name: origin, content_id }],
      atMs: timestamp.physical,
      ...carriedBy(carried)
    }));
  }
  /** Note that this tab leads now: `leader` is the name of its engine. */
  leads(leader) {
    this.leader = leader;
    this.storage = null;
    this.stored = null;
    this.transient = null;
    this.#pending = null;
  }
  /**
   * Note that this tab leads no more, and what it showed. `state`: to be assumed of the new leader until it tells its
   * own.
   */
  led({ state, transport, stored, transient }) {
    Object.assign(this, { leader: null, state, transport, stored, transient });
  }
  /**
   * Note what a leader says; if a copy is wanted, return the key to `take` it by. It is wanted if the leader is new, or
   * if an earlier batch was lost: Chromium loses those that come while a page stands at a breakpoint, and HTML allows it for
   * a page in the back/forward cache.
   */
  hear(batch) {
    const { state, transport, storage, transient, leader, number = 0 } = batch;
    const isWanted = leader !== this.leader || number > this.number + 1;
    Object.assign(this, { state, transport, storage, transient, leader, number });
    if (isWanted) this.#pending = [];
    if (this.#pending === null) this.#apply(batch);
    else this.#pending.push(batch);
    return isWanted && this.#pending;
  }
  /**
   * Accept what the leader has stored, and apply the batches that came since; false: this copy was not wanted. `by`: the
   * leader's name, if it has told the copy itself, or what `hear` returned: a copy that was read for an earlier request may
   * lack what was lost since.
   */
  take(by, stored) {
    const pending = this.#pending;
    if (pending === null || by !== this.leader && by !== pending) return false;
    this.stored = stored ?? UserState.empty("");
    this.#pending = null;
    for (const batch of pending) this.#apply(batch);
    return true;
  }
  #apply(batch) {
    for (const change of batch.changes) this.stored?.apply(change);
    this.#onApplied(batch);
  }
};

// src/tabs/open_calls.ts
var OpenCalls = class {
  /**
   * Begins the names. No other session's names begin so, not even an earlier one's in this tab: its writes may still
   * wait.
   */
  #id = randomName();
  #calls = /* @__PURE__ */ new Map();
  #names = 0;
  /** The writes of all calls; null: to be gathered again. */
  #writes = null;
  get size() {
    return this.#calls.size;
  }
  /** What the calls will write, for showing it: the same array until it changes. */
  get writes() {
    if (this.#writes !== null) return this.#writes;
    const all = [];
    for (const { writes } of this.#calls.values()) for (const write2 of writes) all.push(write2);
    this.#writes = all;
    return all;
  }
  /** `writes`: what the call will write. */
  add(call, writes = []) {
    const name = this.#newName();
    const [ended, onDone, onEnded] = latch();
    ended.catch(() => void 0);
    const entry = { name, call, ended, writes, onDone, onEnded };
    this.#calls.set(name, entry);
    this.#writes = null;
    return entry;
  }
  /** Add one call that makes a write for each key; `contents`: the keys with the names of the writes. */
  addWrites(operation2, keys, carried) {
    const physical = Date.now();
    const contents = keys.map((key) => ({ name: this.#newName(), content_id: key }));
    const writes = contents.map(({ content_id }, index) => ({
      operation: operation2,
      content_id,
      timestamp: { physical, logical: this.#names + index, node: this.#id },
      ...carried
    }));
    return { ...this.add({ type: "change", operation: operation2, writes: contents, ...carried }, writes), contents };
  }
  markDone(names) {
    for (const name of names) {
      this.#calls.get(name)?.onDone();
      if (this.#calls.delete(name)) this.#writes = null;
    }
  }
  /** Reject all: nobody will do them. */
  end(error) {
    for (const { onEnded } of this.#calls.values()) onEnded(error);
  }
  [Symbol.iterator]() {
    return this.#calls.values();
  }
  #newName() {
    this.#names += 1;
    return `${this.#id}.${this.#names}`;
  }
};

// src/tabs/tab_view.ts
var TabView = class {
  deps;
  /** Null: another tab leads. */
  engine = null;
  /** What is known of the tab that leads, while that is another. */
  copy = new LeaderCopy((batch) => this.onApplied(batch));
  calls = new OpenCalls();
  /** The part for registers, read-only; null: it has not come yet, or is not needed. */
  part = null;
  #nothing = UserState.empty("");
  constructor(deps) {
    this.deps = deps;
  }
  get state() {
    return this.engine?.state ?? this.copy.state ?? "stopped";
  }
  /** Where the leader keeps what it stores. */
  get storage() {
    return this.copy.storage ?? this.deps.store.storage;
  }
  get transport() {
    return (this.engine ?? this.copy).transport;
  }
  get stored() {
    return this.engine?.stored ?? this.copy.stored;
  }
  /** How many writes are not settled yet. */
  get queueLength() {
    return (this.stored?.queue.size ?? 0) + this.unstored.length;
  }
  /** A text that changes whenever the list, the length of the queue or the revision may have changed. */
  get version() {
    const { stored } = this;
    const transient = this.part && [this.transient?.version];
    return [this.copy.leader, this.unstored.length, stored?.version, stored?.head.revision, transient].join();
  }
  /** The items of the list whose keys begin with `prefix`. */
  items(prefix) {
    return (this.stored ?? this.#nothing).list(this.unstored, prefix);
  }
  /** The items of registers, or of the catalogue; undefined: the part for registers is not loaded yet. */
  registers(name) {
    return this.part?.VIEWS[name](this.stored ?? this.#nothing, this.unstored, this.transient);
  }
  get transient() {
    return (this.engine ?? this.copy).transient;
  }
  has(key) {
    return (this.stored ?? this.#nothing).has(key, this.unstored);
  }
  /** The writes that are not in `stored` yet. */
  get unstored() {
    return this.engine === null ? this.calls.writes : NO_WRITES;
  }
};
var NO_WRITES = [];

// src/tabs/tab_session.ts
var TabSession = class extends TabView {
  userId;
  /** Fulfilled once there is a list to show. */
  shown;
  #show;
  /** Fulfilled once it is closed. */
  closed;
  #end;
  #tabs;
  /** The collections beside the watchlist that the app wants, by name. */
  #lists;
  /** The collections that other tabs' apps have asked for while this tab led. */
  #listsOfOthers = /* @__PURE__ */ new Set();
  #isClosed = false;
  // While another tab leads
  #timeout = new LeaderTimeout(() => this.#tabs.takeLead(this.#onGranted, this.#onLost));
  #hasFollowed = false;
  /**
   * `lists`: the collections beside the watchlist that the app wants, by name; call `openLists` when there are more.
   */
  constructor(userId, deps, lists) {
    super(deps);
    this.userId = userId;
    this.#lists = lists;
    [this.shown, this.#show] = latch();
    [this.closed, this.#end] = latch();
    this.#tabs = deps.openTabs(userId, (message) => this.#onTabMessage(message));
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  }
  /**
   * Make one write for each key; their ids are canonical, and `carried` was checked. Returns the names of the writes,
   * and a promise: fulfilled when they are stored, rejected if this tab can no longer know.
   */
  write(operation2, keys, carried = {}) {
    const { contents, ended, ...call } = this.calls.addWrites(operation2, keys, carried);
    this.#make(call);
    this.deps.onEvents([{ type: "updated" }]);
    return { names: contents.map(({ name }) => name), stored: ended };
  }
  /** Have the leader do `call`; fulfilled when it is done. */
  call(call) {
    const open = this.calls.add(call);
    this.#make(open);
    return open.ended;
  }
  /** Have the tab that leads follow the collections that the app wants. */
  openLists() {
    for (const list of this.#lists.keys()) void this.call({ type: "open_list", list });
    void this.#loadRegisters();
  }
  /**
   * Load the part for registers, if an app or a queued write needs it. If it does not come, the next connection tries
   * again.
   */
  async #loadRegisters() {
    const queued = Array.from(this.engine?.stored?.queue.values() ?? [], ({ content_id }) => prefixIn(content_id));
    if (this.part !== null || ![...this.#lists.keys(), ...this.#listsOfOthers, ...queued].some(areRegisters)) return;
    try {
      this.part = await loadRegisters();
    } catch {
      return;
    }
    this.engine?.useRegisters(this.part);
    this.deps.onEvents([{ type: "updated" }]);
  }
  /** Have reports written now: the page is hidden or left. */
  flush() {
    if (this.#lists.has(PROGRESS)) void this.call({ type: "flush" });
  }
  /** Have the leader answer, and connect without waiting longer: the user is here, or the network is back. */
  hello() {
    void this.call({ type: "hello" });
  }
  /** The same, and have the leader make sure of the connection. */
  wake() {
    void this.call({ type: "wake" });
  }
  /** Leave once all that the app asked for is stored, without telling the app; fulfils `closed`. */
  async close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timeout.stop();
    this.#show();
    this.engine?.call({ type: "flush" }, "");
    await this.engine?.close();
    this.#tabs.close();
    this.deps.store.release(this.userId, false);
    this.calls.end(new Error("closed before it was known to be kept"));
    this.#end();
  }
  #make({ name, call }) {
    if (this.engine === null) {
      this.#tabs.tell({ type: "call", name, call });
      this.#timeout.start();
    } else {
      this.engine.call(call, name);
    }
  }
  // Leading
  #onGranted = () => void this.#lead();
  async #lead() {
    const { service, store } = this.deps;
    let stored;
    try {
      const isKnown = this.#hasFollowed && this.copy.storage !== "memory";
      stored = await store.claim(this.userId, isKnown, this.copy.stored);
    } catch (error) {
      this.#onStoreFailed(error);
      return;
    }
    if (this.#isClosed) return store.release(this.userId, false);
    if (this.engine !== null) return;
    this.#timeout.stop();
    const { state, lost } = this.copy;
    const engine = new Engine(service, store, (batch) => this.#tellAll(batch), this.#onStoreFailed);
    this.engine = engine;
    this.copy.leads(randomName());
    if (this.part !== null) engine.useRegisters(this.part);
    engine.signIn(this.userId, stored);
    if (state === "stopped") engine.call({ type: "disconnect" }, "");
    this.openLists();
    for (const call of lost) engine.call(call, "");
    for (const call of this.calls) this.#make(call);
    this.#show();
  }
  /** If this tab leads, tell the other tabs its state. */
  announce() {
    if (this.engine !== null) this.#tellAll({ changes: [], events: [], done: [] });
  }
  #tellAll(batch) {
    const { state, transport, storage, transient } = this;
    this.copy.number += 1;
    const { leader, number } = this.copy;
    this.#tabs.tell({
      type: "batch",
      state,
      transport,
      storage,
      transient,
      leader,
      number,
      ...batch
    });
    this.calls.markDone(batch.done);
    this.#emit(batch.events);
  }
  /** Begin again with what was stored: the rest must be neither shown nor sent, as its numbers will be given again. */
  #onStoreFailed = (error) => {
    if (this.#isClosed) return;
    if (error instanceof SupersededError) this.#onLost();
    else if (error instanceof ErasedError) this.#emit([{ type: "signed_out", user_id: this.userId, erased: true }]);
    else this.restart();
  };
  /** Begin again with what the store has now, or the memory that replaces it. */
  restart() {
    if (this.engine === null) return;
    this.#retire();
    void this.#lead();
  }
  /** Another tab leads now; follow it. */
  #onLost = () => {
    if (this.engine === null) return;
    this.#retire();
    this.deps.store.release(this.userId, true);
    if (!this.#tabs.canTell) {
      this.copy.led({ state: null, transport: null, stored: this.copy.stored, transient: null });
      const reason = "another tab is connected";
      this.#emit([{ type: "disconnected", code: null, retry_in_ms: null, reason }]);
    }
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  };
  #retire() {
    if (this.engine !== null) this.copy.led(this.engine);
    this.engine?.retire();
    this.engine = null;
    this.#timeout.stop();
  }
  // Following
  #onTabMessage(message) {
    if (this.#isClosed) return;
    switch (message.type) {
      case "call":
        this.engine?.call(message.call, message.name);
        if (message.call.type === "open_list") this.#openForOthers(message.call.list);
        break;
      case "ask_stored":
        this.#tellStored();
        break;
      case "stored":
        this.#take(message.leader, userState(message.stored));
        break;
      case "batch":
        if (this.engine === null) this.#onBatch(message);
        else this.#onBatchOfAnother(message);
    }
  }
  #openForOthers(list) {
    this.#listsOfOthers.add(list);
    void this.#loadRegisters();
  }
  #tellStored() {
    const stored = this.engine?.stored?.stored();
    if (stored) this.#tabs.tell({ type: "stored", leader: this.copy.leader, stored });
  }
  /**
   * Either an earlier leader's last batch, of which only a log-out counts, or this tab leads no more: a save will show.
   */
  #onBatchOfAnother({ events }) {
    this.#emit(events.filter((event) => event.type === "signed_out"));
    this.deps.store.save(this.userId, []).catch(this.#onStoreFailed);
  }
  #onBatch(batch) {
    this.#hasFollowed = true;
    const wanted = this.copy.hear(batch);
    if (wanted) {
      if (batch.storage === "memory") this.#tabs.tell({ type: "ask_stored" });
      else void this.#readCopy(wanted);
      for (const call of this.calls) this.#make(call);
      this.openLists();
    }
  }
  onApplied({ done: done2, events }) {
    this.calls.markDone(done2);
    this.#timeout.stop();
    if (this.calls.size > 0) this.#timeout.start();
    this.#emit(events);
  }
  async #readCopy(wanted) {
    try {
      this.#take(wanted, await this.deps.store.read(this.userId));
    } catch {
      if (!this.#isClosed) this.#tabs.tell({ type: "ask_stored" });
    }
  }
  #take(by, stored) {
    if (this.engine !== null || this.#isClosed || !this.copy.take(by, stored)) return;
    this.#show();
    this.deps.onEvents([{ type: "updated" }]);
  }
  #emit(events) {
    if (this.#isClosed) return;
    const { store, onEvents } = this.deps;
    if (events.some((event) => event.type === "connected")) void this.#loadRegisters();
    const isOver = events.some((event) => event.type === "signed_out");
    if (isOver) void this.close();
    onEvents(
      events.map(
        (event) => event.type === "signed_out" ? { ...event, erased: event.erased && !store.owesErasure(this.userId) } : event
      )
    );
  }
};

// src/stores/mirror.ts
var Mirror = class {
  #state;
  /** Ids and origins of the writes that it has, or had: any other write in the store is news. */
  #known = /* @__PURE__ */ new Set();
  /** The changes noted since the fork, or the last `take`. */
  #missed = [];
  #isForked = false;
  /** Whether all that the store holds has to go. */
  #isErased = false;
  constructor(state) {
    this.#state = state;
  }
  get state() {
    return this.#state;
  }
  get isErased() {
    return this.#isErased;
  }
  note(changes) {
    this.#state ??= UserState.empty("");
    for (const change of changes) {
      this.#state.apply(change);
      if ("erase" in change) this.#erase();
      else if (this.#isForked && "queue" in change) this.#know(change.queue);
      if (this.#isForked) this.#missed.push(change);
    }
  }
  /** Whether there is something to take. */
  get isAhead() {
    return this.#missed.length > 0;
  }
  /** Take what the store has missed. */
  take() {
    const missed = this.#missed;
    this.#missed = [];
    return missed;
  }
  /** The store has all of it. */
  join() {
    this.#isForked = false;
    this.#isErased = false;
    this.#known.clear();
  }
  /** Go on under another replica; returns the state from which a client goes on. */
  fork(replica) {
    this.#isForked = true;
    if (this.#state === null) return null;
    for (const write2 of this.#state.queue.values()) this.#know(write2);
    this.note([{ set: { replica, adds: 0 } }]);
    return stateOf(this.#state.stored());
  }
  /** Become `stored`, into which what the store held was merged. */
  replace(stored) {
    for (const write2 of stored.queue) this.#know(write2);
    this.#state = userState(stored);
  }
  /** Whether it has the write, or had it. */
  knows({ operation_id, origin = "" }) {
    return this.#known.has(operation_id) || this.#known.has(origin);
  }
  #erase() {
    this.#state = null;
    this.#isErased = true;
  }
  #know({ operation_id, origin }) {
    this.#known.add(operation_id);
    if (origin !== void 0) this.#known.add(origin);
  }
};
function stateOf(stored) {
  return stored && userState(stored);
}

// src/stores/guarded_store.ts
var SilentError = class extends Error {
  constructor() {
    super("the store does not answer");
  }
};
var LIMIT_S = 5;
var ROWS_PER_S = 1e3;
var LEAST_RETRY_MS = 1e3;
var GuardedStore = class {
  #inner;
  #whenWorking;
  #deps;
  /** What the store should hold for each user that this client serves. */
  #mirrors = /* @__PURE__ */ new Map();
  #backoff = new Backoff();
  #isWorking = true;
  #isClosed = false;
  #retry;
  /** `whenWorking`: the kind of storage that `inner` is while it works. */
  constructor(inner, whenWorking, deps) {
    this.#inner = withDeadlines(inner);
    this.#whenWorking = whenWorking;
    this.#deps = deps;
  }
  get storage() {
    return this.#isWorking ? this.#whenWorking : "memory";
  }
  /** As in `Store`. `copy`: what to go on with if the store fails and nothing else is known. */
  async claim(userId, isKnown, copy) {
    this.#isClosed = false;
    let known = copy;
    if (this.#isWorking) {
      try {
        const stored = await this.#inner.claim(userId, isKnown);
        this.#mirrors.set(userId, new Mirror(stateOf(stored)));
        return stateOf(stored);
      } catch (error) {
        this.#fail(error);
        if (!(error instanceof SilentError)) known ??= await this.read(userId).catch(() => null);
      }
    }
    const mirror = this.#mirrors.get(userId) ?? new Mirror(known);
    this.#mirrors.set(userId, mirror);
    return mirror.fork(this.#deps.newReplica());
  }
  /** As in `Store`; rejects if the store fails. */
  async read(userId) {
    return stateOf(await this.#inner.read(userId));
  }
  /** As in `Store`. */
  async save(userId, changes) {
    if (this.#isWorking) {
      try {
        await this.#inner.save(userId, changes);
      } catch (error) {
        this.#fail(error);
        throw error;
      }
    }
    this.#mirrors.get(userId)?.note(changes);
  }
  /** Whether the user wanted an erasure that the store has not done yet. */
  owesErasure(userId) {
    return !this.#isWorking && this.#mirrors.get(userId)?.isErased === true;
  }
  /**
   * Another client serves the user now, or (not `isAnother`) none does; only then what could not be stored yet is kept.
   */
  release(userId, isAnother) {
    if (isAnother || this.#isWorking) this.#mirrors.delete(userId);
  }
  close() {
    clearTimeout(this.#retry);
    this.#isClosed = true;
    this.#isWorking = true;
    this.#mirrors.clear();
    this.#inner.close();
  }
  /** Go on in memory. Throws `error` again if it is no failure of the store. */
  #fail(error) {
    if (error instanceof SupersededError || error instanceof ErasedError) throw error;
    if (!this.#isWorking || this.#isClosed) return;
    this.#isWorking = false;
    this.#deps.onStorage("memory", String(error));
    this.#retryLater();
  }
  #retryLater() {
    const afterMs = Math.max(this.#backoff.nextMs(Math.random()), LEAST_RETRY_MS);
    this.#retry = setTimeout(() => void this.#recover(), afterMs);
  }
  async #recover() {
    const { onMerged, onStorage } = this.#deps;
    try {
      const { rejoin } = await loadRejoining();
      if (this.#isWorking) return;
      await rejoin(this.#inner, this.#mirrors, onMerged, () => this.#join());
    } catch {
      if (!this.#isWorking) this.#retryLater();
      return;
    }
    if (!this.#isClosed) onStorage(this.#whenWorking, "the store works again");
  }
  /** Go back to the store: what is saved from here on goes into it. */
  #join() {
    if (this.#isClosed) return;
    for (const mirror of this.#mirrors.values()) mirror.join();
    this.#isWorking = true;
    this.#backoff.reset();
  }
};
function withDeadlines(store) {
  return {
    claim: async (userId, isKnown) => checked(await within(store.claim(userId, isKnown))),
    read: async (userId) => checked(await within(store.read(userId))),
    save: (userId, changes) => within(store.save(userId, changes), changes.length),
    close: () => void (async () => store.close())().catch(() => void 0)
    // all that was saved is kept
  };
}
function checked(stored) {
  const isState = stored === null || typeof stored?.head?.replica === "string" && Array.isArray(stored.items) && Array.isArray(stored.queue);
  if (!isState) throw new TypeError("the store holds something else than a client's state");
  return stored;
}
function within(promise, rows = 0) {
  let seconds = LIMIT_S + rows / ROWS_PER_S;
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      seconds -= 1;
      if (seconds > 0) return;
      clearInterval(timer);
      reject(new SilentError());
    }, 1e3);
    promise.then(resolve, reject).finally(() => clearInterval(timer));
  });
}

// src/stores/indexeddb_store.ts
var HEADS = "heads";
var ITEMS = "items";
var QUEUE = "queue";
var ALL = [HEADS, ITEMS, QUEUE];
var MADE = "made ";
var SLICE = 500;
var MAX_ITEM_ROWS = 2e3;
var IndexedDbStore = class {
  #name;
  #keeper;
  #opening = null;
  #database = null;
  /** Which database of this name it is, by its MADE store; null: it was never open. */
  #made = null;
  /** Whether the database was made since this client began: it was deleted, or was never there. */
  #wasMadeAgain = false;
  /** The users that this client has claimed in this database. */
  #claimed = /* @__PURE__ */ new Set();
  /** The users whose state it has looked for in this database. */
  #known = /* @__PURE__ */ new Set();
  /** `keeper`: the unique name of this client. */
  constructor(name, keeper) {
    this.#name = name;
    this.#keeper = keeper;
  }
  async claim(userId, isKnown) {
    const transaction = this.#begin("readwrite") ?? await this.#reopened("readwrite");
    const heads = transaction.objectStore(HEADS);
    const head = heads.get(userId);
    let isGone = false;
    head.onsuccess = abortingIn(transaction, () => {
      isGone = isKnown && !isHead(head.result);
      if (!isGone) heads.put({ ...head.result, user: userId, keeper: this.#keeper });
    });
    const state = await stateOf2(transaction, userId, (rows) => {
      if (rows.length <= MAX_ITEM_ROWS) return;
      transaction.objectStore(ITEMS).delete(ofUser(userId));
      writeBlocks(transaction, userId, itemsOf(rows));
    });
    if (isGone) throw this.#mayBeDeleted(userId) ? new DeletedError() : new ErasedError();
    this.#claimed.add(userId);
    this.#known.add(userId);
    return state;
  }
  async read(userId) {
    const state = await stateOf2(this.#begin("readonly") ?? await this.#reopened("readonly"), userId);
    if (state === null && this.#mayBeDeleted(userId)) throw new DeletedError();
    this.#known.add(userId);
    return state;
  }
  async save(userId, changes) {
    const durability = changes.some((each) => "queue" in each) ? "strict" : "relaxed";
    const transaction = this.#begin("readwrite", durability) ?? await this.#reopened("readwrite", durability);
    if (!this.#claimed.has(userId)) throw new DeletedError();
    const heads = transaction.objectStore(HEADS);
    const head = heads.get(userId);
    let isSuperseded = false;
    head.onsuccess = abortingIn(transaction, () => {
      isSuperseded = head.result?.keeper !== this.#keeper;
      if (head.result === void 0 || isSuperseded || changes.length === 0) return;
      const row = { ...head.result };
      for (const each of changes) if ("set" in each) Object.assign(row, each.set);
      heads.put(row);
      write(transaction, userId, changes);
    });
    await done(transaction);
    if (isSuperseded) throw new SupersededError();
  }
  close() {
    this.#database?.close();
    this.#forget();
  }
  /** Whether a user's state is missing because its database was deleted, rather than erased by a client. */
  #mayBeDeleted(userId) {
    return this.#wasMadeAgain && !this.#known.has(userId);
  }
  /** A transaction, if the database is open. */
  #begin(mode, durability = "default") {
    try {
      return this.#database?.transaction(ALL, mode, { durability }) ?? null;
    } catch {
      this.#forget();
      return null;
    }
  }
  async #reopened(mode, durability = "default") {
    this.#opening ??= this.#open();
    return (await this.#opening).transaction(ALL, mode, { durability });
  }
  #open() {
    const opening = this.#openAny().then(
      (database) => {
        database.onversionchange = () => this.close();
        database.onclose = () => this.#forget();
        this.#compare(database);
        if (this.#opening === opening) this.#database = database;
        else database.close();
        return database;
      },
      (error) => {
        this.#forget();
        throw error;
      }
    );
    return opening;
  }
  async #openAny() {
    const request = indexedDB.open(this.#name, 1);
    request.onupgradeneeded = () => {
      this.#made ??= "";
      request.result.createObjectStore(MADE + Math.random());
      request.result.createObjectStore(HEADS, { keyPath: "user" });
      request.result.createObjectStore(ITEMS, { keyPath: ["user", "content_id"] });
      request.result.createObjectStore(QUEUE, { keyPath: ["user", "number"] });
    };
    try {
      return await resultOf(request);
    } catch (error) {
      if (error.name !== "VersionError") throw error;
    }
    const database = await resultOf(indexedDB.open(this.#name));
    if (ALL.every((name) => database.objectStoreNames.contains(name))) return database;
    database.close();
    throw new Error("the database is of a newer version");
  }
  /** Note whether it is the database that this client knew. */
  #compare({ objectStoreNames }) {
    const made = Array.from(objectStoreNames).find((name) => name.startsWith(MADE)) ?? "";
    if (this.#made !== null && this.#made !== made) {
      this.#wasMadeAgain = true;
      this.#claimed.clear();
      this.#known.clear();
    }
    this.#made = made;
  }
  #forget() {
    this.#database = null;
    this.#opening = null;
  }
};
var DeletedError = class extends Error {
  constructor() {
    super("the browser has deleted the database");
  }
};
async function stateOf2(transaction, userId, onItems = () => void 0) {
  const head = transaction.objectStore(HEADS).get(userId);
  const items = readRows(transaction.objectStore(ITEMS), userId, (row) => row.content_id, onItems);
  const queue = readRows(transaction.objectStore(QUEUE), userId, (row) => row.number);
  await done(transaction);
  if (!isHead(head.result)) return null;
  const { user: _, keeper: __, ...kept } = head.result;
  return { head: kept, items: itemsOf(items), queue };
}
function readRows(store, userId, keyOf, onRead = () => void 0) {
  const rows = [];
  const readOn = (range) => {
    const request = store.getAll(range, SLICE);
    request.onsuccess = () => {
      for (const row of request.result) rows.push(row);
      const last = request.result[SLICE - 1];
      if (last === void 0) onRead(rows);
      else readOn(IDBKeyRange.bound([userId, keyOf(last)], [userId, []], true));
    };
  };
  readOn(ofUser(userId));
  return rows;
}
function itemsOf(rows) {
  const items = /* @__PURE__ */ new Map();
  for (const row of rows) {
    if ("items" in row) for (const item2 of row.items) items.set(item2.content_id, item2);
    else if ("isDropped" in row) items.delete(row.content_id);
    else items.set(row.content_id, row);
  }
  return Array.from(items.values());
}
function write(transaction, userId, changes) {
  let at = 0;
  const writeOn = () => {
    let request = null;
    for (const end = Math.min(at + SLICE, changes.length); at < end; ) {
      const change = changes[at];
      request = writeOne(transaction, userId, change) ?? request;
      at += 1;
      if (!("clear" in change)) continue;
      const items = itemsFrom(changes, at);
      writeBlocks(transaction, userId, items);
      at += items.length;
    }
    if (at >= changes.length)
      transaction.commit?.();
    else if (request === null) writeOn();
    else request.onsuccess = abortingIn(transaction, writeOn);
  };
  writeOn();
}
function itemsFrom(changes, start) {
  const items = [];
  for (let at = start; ; at += 1) {
    const change = changes[at];
    if (change === void 0 || !("put" in change)) return items;
    items.push(change.put);
  }
}
function writeBlocks(transaction, userId, items) {
  for (let at = 0; at < items.length; at += SLICE) {
    const row = { user: userId, content_id: at, items: items.slice(at, at + SLICE) };
    transaction.objectStore(ITEMS).put(row);
  }
}
function writeOne(transaction, userId, change) {
  const [items, queue] = [transaction.objectStore(ITEMS), transaction.objectStore(QUEUE)];
  if ("set" in change) return null;
  if ("put" in change) return items.put({ user: userId, ...change.put });
  if ("drop" in change)
    return items.put({ user: userId, content_id: change.drop, isDropped: true });
  if ("clear" in change) return items.delete(ofUser(userId));
  if ("queue" in change) return queue.put({ user: userId, ...change.queue });
  if ("settle" in change) return queue.delete([userId, change.settle]);
  items.delete(ofUser(userId));
  queue.delete(ofUser(userId));
  return transaction.objectStore(HEADS).delete(userId);
}
function isHead(row) {
  return row?.replica !== void 0;
}
function ofUser(userId) {
  return IDBKeyRange.bound([userId], [userId, []]);
}
function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(thrown.get(transaction) ?? transaction.error ?? new Error("the transaction was aborted"));
  });
}
var thrown = /* @__PURE__ */ new WeakMap();
function abortingIn(transaction, act) {
  return () => {
    try {
      act();
    } catch (error) {
      thrown.set(transaction, error);
      transaction.abort();
    }
  };
}

// src/stores/memory_store.ts
var MemoryStore = class {
  #states = /* @__PURE__ */ new Map();
  claim(userId) {
    return this.read(userId);
  }
  async read(userId) {
    return this.#states.get(userId)?.stored() ?? null;
  }
  async save(userId, changes) {
    const state = this.#states.get(userId) ?? UserState.empty("");
    this.#states.set(userId, state);
    for (const change of changes) {
      state.apply(change);
      if ("erase" in change) this.#states.delete(userId);
    }
  }
  close() {
  }
};

// src/tabs/tabs.ts
var NoOtherTabs = class {
  canTell = true;
  tell() {
  }
  lead(onGranted) {
    onGranted();
  }
  takeLead() {
  }
  close() {
  }
};
var BrowserTabs = class {
  #name;
  #channel;
  #locks;
  #hasLed = false;
  /** Ends the latest request for the lock, and the lock itself. */
  #giveUp = null;
  constructor(name, onMessage) {
    this.#name = name;
    this.#channel = channelOf(name);
    if (this.#channel === null) return;
    this.#locks = globalThis.navigator?.locks;
    this.#channel.onmessage = (event) => onMessage(event.data);
  }
  get canTell() {
    return this.#channel !== null;
  }
  tell(message) {
    this.#channel?.postMessage(message);
  }
  lead(onGranted, onLost) {
    if (this.#locks === void 0) {
      if (!this.#hasLed) onGranted();
      this.#hasLed = true;
    } else {
      this.#request(false, onGranted, onLost);
    }
  }
  takeLead(onGranted, onLost) {
    if (this.#channel === null) {
      if (globalThis.document?.hasFocus() !== false) onGranted();
    } else if (this.#locks === void 0) onGranted();
    else this.#request(true, onGranted, onLost);
  }
  close() {
    this.#giveUp?.abort();
    this.#channel?.close();
  }
  #request(steal, onGranted, onLost) {
    this.#giveUp?.abort();
    this.#giveUp = new AbortController();
    const { signal } = this.#giveUp;
    let isGranted = false;
    const untilGivenUp = () => new Promise((resolve) => {
      isGranted = true;
      signal.addEventListener("abort", () => resolve());
      if (signal.aborted) resolve();
      else onGranted();
    });
    this.#locks?.request(this.#name, steal ? { steal } : { signal }, untilGivenUp).catch(() => {
      if (signal.aborted) return;
      if (isGranted) onLost();
      else onGranted();
    });
  }
};
function channelOf(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}

// src/tabs/tab_session_deps.ts
function wired(given, database, deps) {
  const isShared = given === null && database !== null && hasIndexedDb();
  const inner = given ?? (isShared ? new IndexedDbStore(database, randomName()) : new MemoryStore());
  const store = new GuardedStore(inner, isShared || given !== null ? "persistent" : "memory", {
    ...deps,
    newReplica: randomName
  });
  const openTabs = (userId, onMessage) => isShared ? new BrowserTabs(`${database}/${userId}`, onMessage) : new NoOtherTabs();
  return { ...deps, store, openTabs };
}
function hasIndexedDb() {
  try {
    return globalThis.indexedDB !== void 0;
  } catch {
    return true;
  }
}

// src/transport/address.ts
function addressOf(url) {
  try {
    const { protocol, username, password, host, pathname, search, hash } = new URL(
      typeof url === "string" ? url : url.href
    );
    const path = pathname.replace(/\/+$/u, "");
    if (/^(?:http|ws)s?:$/u.test(protocol) && !(username || password || search || hash || path.endsWith("/ws")))
      return `${protocol.replace("http", "ws")}//${host}${path}`;
  } catch {
  }
  throw new TypeError(
    "url: must be the service's address, such as https://sync.example.com, without user, query, fragment and the /ws at its end"
  );
}

// src/client.ts
var SyncClient = class extends PlatformEventTarget {
  /** Which content ids the service accepts. */
  contentIds;
  #deps;
  /** Stops watching for returns of the page; null: they are not watched. */
  #ignoreReturns = null;
  #session = null;
  #host = {
    session: () => this.#session,
    signedIn: () => this.#signedIn(),
    onUpdated: (listener) => {
      this.addEventListener("updated", listener);
      return () => this.removeEventListener("updated", listener);
    },
    ask: async (request) => {
      const asking = { service: this.#deps.service, session: this.#signedIn(), readToken, faultIn };
      return request(await loadRequests(), asking);
    },
    canonical: (contentId) => canonical(contentId, this.contentIds)
  };
  #watchlist = new List(void 0, this.#host);
  /** By name, the collections beside the watchlist that the app has asked for. */
  #lists = /* @__PURE__ */ new Map();
  #signIns = 0;
  /** The latest log-out or `close`: the next user waits for it. */
  #left = Promise.resolve();
  /** Why nothing can be stored here, until the app was told. */
  #lack = null;
  // What the app was last told
  #state = "signed_out";
  #storage;
  #reason = null;
  // why `storage` changes next
  #version = null;
  #updated = new Burst(() => this.#tellUpdated());
  /** Throws a TypeError if the address, `getToken` or `contentIds` is not valid, or there is no WebSocket. */
  constructor({
    url,
    getToken,
    database = "syncd",
    store,
    contentIds = "uuid",
    WebSocket = globalThis.WebSocket
  }) {
    super();
    if (typeof getToken !== "function") throw new TypeError("getToken: must be a function that answers with a token");
    if (WebSocket === void 0) throw new TypeError("There is no WebSocket here: pass one in the options.");
    const service = { address: addressOf(url ?? globalThis.location?.origin), getToken, WebSocket };
    if (contentIds !== "uuid" && contentIds !== "text") throw new TypeError('contentIds: must be "uuid" or "text"');
    this.contentIds = contentIds;
    this.#deps = wired(store ?? null, database, {
      service,
      onEvents: this.#tell,
      onStorage: (_, reason) => {
        this.#reason = reason;
        this.#tellStorage();
        this.#session?.announce();
      },
      onMerged: (userId) => this.#session?.userId === userId && this.#session.restart()
    });
    this.#storage = this.#deps.store.storage;
    if (database !== null && this.#storage === "memory") this.#lack = "there is no IndexedDB here";
    bindMembers(this, new.target.prototype);
  }
  /** Whose list is open; null: nobody's. */
  get user() {
    return this.#session?.userId ?? null;
  }
  get state() {
    return this.#session?.state ?? "signed_out";
  }
  /** The transport of the attempt or connection under way; null: offline. */
  get transport() {
    return this.#session?.transport ?? null;
  }
  /** Where list and queue are kept; with `memory`, they are lost with the page or the process. */
  get storage() {
    return this.#session?.storage ?? this.#deps.store.storage;
  }
  /**
   * The watchlist, in order of `position`, then the rest newest first, with the user's unconfirmed changes. The same
   * frozen array until something in it changes; items that do not change stay the same objects, too.
   */
  get items() {
    return this.#watchlist.items;
  }
  /** Whether the list has a content. Throws a TypeError if `contentId` is not valid. Cost: O(1). */
  has(contentId) {
    return this.#watchlist.has(contentId);
  }
  /**
   * Call `listener` with the list, now and at each `updated`, until the returned function is called: the contract of
   * Svelte's stores, and of React's `useSyncExternalStore`.
   */
  subscribe(listener) {
    return this.#watchlist.subscribe(listener);
  }
  /** How many of the user's changes the service has not settled yet. */
  get queueLength() {
    return this.#session?.queueLength ?? 0;
  }
  /** The last revision of the list that this device has. */
  get revision() {
    return this.#watchlist.revision;
  }
  /**
   * A list beside the watchlist, by its id, as the service's paths have it; the same object each time. From now on it
   * is kept on this device, and the client stays connected for it. Throws a TypeError if `name` is not a valid id.
   */
  list(name) {
    checkListName(name);
    return this.#opened(name, List);
  }
  /** How far the user has come in each content; the same object each time. Followed from now on, as a list is. */
  get progress() {
    return this.#opened(PROGRESS, Progress);
  }
  /** The user's devices; the same object each time. Followed from now on, as a list is. */
  get devices() {
    return this.#opened(DEVICES, Devices);
  }
  /** Which lists the user has beside the watchlist, in order of their ids; followed from now on, as a list is. */
  get catalogue() {
    return this.#opened(LISTS, ShownRegisters);
  }
  #opened(name, Kind) {
    let list = this.#lists.get(name);
    if (list === void 0) {
      list = new Kind(name, this.#host);
      this.#lists.set(name, list);
      void Promise.resolve().then(() => this.#session?.openLists());
    }
    return list;
  }
  /**
   * Open `user`'s list as it is stored here, and connect; another user's is closed, and stays stored. Fulfilled when
   * the list is shown. Rejected with a TypeError if `user` is none that the service can know.
   */
  async signIn(user) {
    checkUserId(user);
    this.#signIns += 1;
    const signIn = this.#signIns;
    await this.#left;
    if (signIn !== this.#signIns) {
      await this.#left;
    } else if (this.#session?.userId === user) {
      this.connect();
    } else {
      this.#leave();
      this.#session = new TabSession(user, this.#deps, this.#lists);
      this.#ignoreReturns ??= watchReturns(
        () => this.wake(),
        () => this.#session?.flush()
      );
      if (this.#lack !== null) this.#dispatch({ type: "storage", storage: this.storage, reason: this.#lack });
      this.#lack = null;
    }
    await this.#session?.shown;
  }
  /** Close the user's list, in all tabs. `erase`: nothing of it stays on the device, not even unsent changes. */
  async signOut({ erase }) {
    this.#signIns += 1;
    if (this.#session === null) return;
    void this.#session.call({ type: "sign_out", erase });
    this.#left = this.#session.closed;
    await this.#left;
  }
  /** Connect now instead of later: what stopped the client was fixed. */
  connect() {
    void this.#session?.call({ type: "connect" });
  }
  /** Stay offline, in all tabs, until `connect`. */
  disconnect() {
    void this.#session?.call({ type: "disconnect" });
  }
  /** Make sure of the connection within seconds: the network is back, the device woke or the user returned. */
  wake() {
    this.#session?.wake();
  }
  /**
   * Put a content into the watchlist, or change what it carries there: fields missing in `carried` stay as they are.
   * Throws a TypeError if `contentId` or `carried` is not valid, an Error if nobody is signed in.
   */
  add(contentId, carried) {
    return this.#watchlist.add(contentId, carried);
  }
  /** Take a content out of the watchlist; throws like `add`. */
  remove(contentId) {
    return this.#watchlist.remove(contentId);
  }
  /** Add each, in order, in one go; throws like `add`, and then changes nothing. */
  addMany(contentIds) {
    return this.#watchlist.addMany(contentIds);
  }
  /** Remove each, in order, in one go; throws like `add`, and then changes nothing. */
  removeMany(contentIds) {
    return this.#watchlist.removeMany(contentIds);
  }
  /**
   * Which lists the user has now beside the watchlist; `catalogue` stays up to date. Needs a connection: rejected with
   * an Error if the service does not say now.
   */
  lists() {
    return this.#host.ask(({ lists }, asking) => lists(asking));
  }
  /**
   * Have another device do something: the app there gets it as the event `command`. Fulfilled when it is on its way;
   * needs a connection. Rejected with a `RequestError`, whose `code` is `device_offline` if the device is connected
   * nowhere.
   */
  send(targetDeviceId, commandType, payload) {
    return this.#host.ask(({ send }, asking) => send(asking, targetDeviceId, commandType, payload));
  }
  /**
   * Have another device go on with a content; answers from which second, null: not known. Rejected like `send`, or with
   * a TypeError if `contentId` is not valid.
   */
  handoff(targetDeviceId, contentId) {
    return this.#host.ask(({ handoff }, asking) => handoff(asking, targetDeviceId, this.#host.canonical(contentId)));
  }
  /**
   * Store what the user has changed, disconnect this page and release everything; list and queue stay stored. Then
   * `signIn` may be called again.
   */
  async close() {
    this.#signIns += 1;
    this.#ignoreReturns?.();
    this.#ignoreReturns = null;
    const session = this.#session;
    this.#forgetUser();
    const before2 = this.#left;
    this.#left = (async () => {
      await Promise.all([before2, session?.close()]);
      this.#deps.store.close();
    })();
    this.#tellState();
    await this.#left;
  }
  #signedIn() {
    if (this.#session === null) throw new Error("Nobody is signed in.");
    return this.#session;
  }
  #leave() {
    if (this.#session === null) return;
    void this.#session.close();
    this.#tell([{ type: "signed_out", user_id: this.#session.userId, erased: false }]);
  }
  #forgetUser() {
    this.#session = null;
    this.#version = null;
    this.#updated.ask();
  }
  #tell = (events) => {
    if (events.some(({ type }) => type === "signed_out")) this.#forgetUser();
    for (const event of events) {
      if (event.type === "updated") this.#updated.ask();
      else this.#dispatch(event);
    }
    this.#tellState();
    this.#tellStorage();
  };
  #tellState() {
    const { state } = this;
    if (state === this.#state) return;
    this.#state = state;
    this.#dispatch({ type: "state", state });
  }
  #tellStorage() {
    const { storage } = this;
    if (storage === this.#storage) return;
    this.#storage = storage;
    this.#dispatch({ type: "storage", storage, reason: this.#reason ?? "so it is in the tab that leads" });
    this.#reason = null;
  }
  /** Tell the app of an update, unless what it sees is as it was at the last one. */
  #tellUpdated() {
    const version = this.#session?.version ?? "";
    if (version === this.#version) return;
    this.#version = version;
    this.#dispatch({ type: "updated" });
  }
  #dispatch(event) {
    const { type, ...fields } = event;
    this.dispatchEvent(newEvent(type, fields));
  }
};

// src/data/fractional_index.ts
var MAX_LENGTH = 64;
var DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
var BASE = DIGITS.length;
var LAST2 = "z";
var STEP = 8;
var MAX_COUNTED = 8;
function between(a, b) {
  const [low, high] = [fraction("a", a), fraction("b", b)];
  if (b !== null && low >= high)
    throw new RangeError(`a: must be before b, with something between them: ${JSON.stringify([a, b])}`);
  const position = within2(low, b === null ? null : high);
  if (position.length > MAX_LENGTH)
    throw new RangeError(`b: what is between ${a} and ${b} is longer than ${MAX_LENGTH}: give the items near new ones`);
  return position;
}
function fraction(name, position) {
  if (position !== null && !/^[0-9A-Za-z]{1,64}$/u.test(position))
    throw new RangeError(`${name}: must be 1 to ${MAX_LENGTH} of 0-9, A-Z and a-z, not ${JSON.stringify(position)}`);
  return (position ?? "").replace(/0+$/u, "");
}
function within2(low, high) {
  if (high === null) return low === "" ? digit(Math.floor(BASE / 2)) : after(low);
  const prefix = commonPrefix(low, high);
  const [lower, upper] = [low.slice(prefix.length), high.slice(prefix.length)];
  if (lower === "") return prefix + before(upper);
  const [first, end] = [DIGITS.indexOf(lower.charAt(0)), DIGITS.indexOf(upper.charAt(0))];
  if (end - first > 1) return prefix + digit(Math.floor((first + end) / 2));
  if (upper.length > 1) return prefix + upper.charAt(0);
  return prefix + lower.charAt(0) + within2(lower.slice(1), null);
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
  return lead + (number + 1 >= end ? LAST2 : textOf(number + step(end - number), digits));
}
function before(high) {
  const lead = /^0*/u.exec(high)?.[0] ?? "";
  const digits = counted(lead);
  const [number, end] = [numberOf(high.slice(lead.length), digits), BASE ** (digits - 1)];
  return lead + (number <= end ? `0${LAST2}` : textOf(number - step(number - end), digits));
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
export {
  ErasedError,
  SupersededError,
  SyncClient,
  between,
  canonical,
  readToken
};
