// The client of syncd. Built from clients/javascript/src: change it there.

// src/data/ids.ts
var HEX = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
var SPELLINGS = new RegExp(`^(?:urn:uuid:)?(?:${HEX}|\\{(?:${HEX})\\})$`, "iu");
var NAME = /^[^\0-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;
var NAME_RULE = "must be 1 to 128 characters, none of them a control character or a lone surrogate";
function checkName(field, text) {
  if (typeof text === "string" && NAME.test(text)) return text;
  throw new TypeError(`${field}: ${NAME_RULE}, not ${shown(text)}`);
}
function shown(value) {
  return typeof value === "string" ? JSON.stringify(value) : typeof value;
}

// src/data/item_fields.ts
var MAX_DATA_BYTES = 1024;
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

// src/data/register_fields.ts
var MAX_SECONDS = 1e7;
var ruled = (isSo, rule) => (name, value) => {
  if (isSo(value)) return value;
  throw new TypeError(`${name}: must be ${rule}`);
};
var seconds = ruled(
  (value) => typeof value === "number" && value >= 0 && value <= MAX_SECONDS,
  "a number of seconds from 0 to 10,000,000"
);
var OF_PROGRESS = {
  position_seconds: seconds,
  duration_seconds: seconds,
  state: ruled((value) => /^(?:playing|paused|stopped)$/u.test(String(value)), "playing, paused or stopped"),
  watched: ruled((value) => typeof value === "boolean", "true or false")
};
var OF_DEVICES = {
  device_name: checkName,
  device_type: checkName,
  platform: checkName,
  capabilities: checkedObject
};
function checkedWords(operation, key, said) {
  if (operation === "remove") return {};
  const isDevice = prefixIn(key) === prefixOf(DEVICES);
  const members = {
    ...said.data,
    position_seconds: said.data?.["position_seconds"] ?? "",
    // no rule of devices uses these two
    state: said.data?.["state"] ?? "playing"
  };
  const data = {};
  for (const [name, checked] of Object.entries(isDevice ? OF_DEVICES : OF_PROGRESS))
    if (members[name] !== void 0 && members[name] !== null) data[name] = checked(name, members[name]);
  return { data };
}

// src/data/hlc.ts
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

// src/data/register_views.ts
var WATCHED_PERCENT = 90;
var views = /* @__PURE__ */ new WeakMap();
var byIdIn = derived((items) => new Map(items.map((item2) => [idOf(item2), item2])));
var begunIn = derived(
  (items) => Object.freeze(items.filter(({ position_seconds, watched }) => position_seconds > 0 && !watched))
);
var NO_LISTS = Object.freeze([]);
var shownLists = NO_LISTS;
function progressOf(state, writes = [], transient = null) {
  return viewOf(
    PROGRESS,
    { state, writes, transient },
    (shown2) => Array.from(shown2, progressItem).sort(
      (a, b) => compareTimestamps(b.timestamp, a.timestamp) || compareCodePoints(a.content_id, b.content_id)
    )
  );
}
function devicesOf(state, writes = [], transient = null) {
  return viewOf(
    DEVICES,
    { state, writes, transient },
    (shown2) => Array.from(shown2, ([id, device2]) => deviceItem(id, device2, transient)).sort(
      (a, b) => compareCodePoints(a.device_id, b.device_id)
    )
  );
}
function listsOf(_state, _writes = [], transient = null) {
  const lists = transient?.lists ?? NO_LISTS;
  if (!sameJson(lists, shownLists)) shownLists = Object.freeze(lists);
  return shownLists;
}
var VIEWS = { [PROGRESS]: progressOf, [DEVICES]: devicesOf, [LISTS]: listsOf };
function saysAlready(item2, said = {}) {
  const shown2 = item2;
  return shown2?.pending === false && Object.entries(said).every(([name, value]) => sameJson(shown2[name], value ?? shown2[name]));
}
function derived(make) {
  const known = /* @__PURE__ */ new WeakMap();
  return (items) => {
    const made = known.get(items) ?? make(items);
    known.set(items, made);
    return made;
  };
}
function viewOf(collection, { state, writes, transient }, itemsOf) {
  const prefix = prefixOf(collection);
  const ofState = views.get(state) ?? /* @__PURE__ */ new Map();
  views.set(state, ofState);
  const before = ofState.get(prefix);
  const made = `${state.version} ${transient?.version}`;
  if (before?.made === made && (before.writes === writes || before.writes.length + writes.length === 0))
    return before.items;
  const known = before && byIdIn(before.items);
  const fresh = itemsOf(shownOf(prefix, state, [...transient?.held ?? [], ...writes])).map((item2) => {
    const old = known?.get(idOf(item2));
    return old !== void 0 && sameJson(old, item2) ? old : Object.freeze(item2);
  });
  const isSame = before?.items.length === fresh.length && fresh.every((item2, index) => item2 === before.items[index]);
  const items = isSame ? before.items : Object.freeze(fresh);
  ofState.set(prefix, { made, writes, items });
  return items;
}
function idOf(item2) {
  return "content_id" in item2 ? item2.content_id : item2.device_id;
}
function sameJson(a, b) {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
function shownOf(prefix, state, writes) {
  const shown2 = /* @__PURE__ */ new Map();
  for (const { content_id, timestamp, device_id, data = {} } of state.items.values())
    if (prefixIn(content_id) === prefix)
      shown2.set(contentIn(content_id), { timestamp, device_id, data, pending: false });
  const pending = /* @__PURE__ */ new Set();
  for (const { operation, content_id, timestamp, data } of [...state.queue.values(), ...writes]) {
    if (prefixIn(content_id) !== prefix) continue;
    const id = contentIn(content_id);
    const confirmed = state.items.get(content_id);
    const isLatest = operation === "report" || confirmed === void 0 || compareTimestamps(timestamp, confirmed.timestamp) > 0;
    if (operation === "remove") {
      pending.delete(id);
      if (isLatest) shown2.delete(id);
      continue;
    }
    pending.add(id);
    const before = { ...shown2.get(id)?.data, watched: void 0 };
    if (isLatest) shown2.set(id, { timestamp, device_id: null, data: { ...before, ...data }, pending: false });
  }
  for (const [id, each] of shown2) each.pending = pending.has(id);
  return shown2;
}
function progressItem([contentId, { timestamp, device_id, data, pending }]) {
  const { position_seconds, duration_seconds, state, watched } = data;
  const completionPercent = percentOf(position_seconds, duration_seconds);
  return {
    content_id: contentId,
    position_seconds,
    duration_seconds: duration_seconds || null,
    state,
    watched: watched ?? completionPercent >= WATCHED_PERCENT,
    completion_percent: completionPercent,
    timestamp,
    device_id,
    pending
  };
}
function percentOf(position, duration) {
  return duration ? Math.min(100, Math.floor(1e3 * position / duration + 0.5) / 10) : 0;
}
function deviceItem(deviceId, { data, pending }, transient) {
  const { device_name = null, device_type = null, platform = null, capabilities = null } = data;
  const hint = transient?.hints?.[deviceId];
  const isOnline = transient?.hints ? hint?.is_online ?? false : null;
  const lastSeen = hint?.last_seen ?? null;
  return {
    device_id: deviceId,
    device_name,
    device_type,
    platform,
    capabilities,
    is_online: isOnline,
    last_seen: lastSeen,
    pending
  };
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

// src/data/register_messages.ts
var DEVICE_MEMBERS = ["device_name", "device_type", "platform", "capabilities"];
var isNumber2 = (value) => typeof value === "number";
var isAction2 = (value) => value === "update" || value === "remove";
var stamped = { timestamp: optional(isTimestamp) };
var progress = {
  ...stamped,
  content_id: isText,
  position: isNumber2,
  duration: isNumber2,
  state: optional(isText),
  watched: optional(isFlag),
  device_id: optional(isText)
};
var device = {
  ...stamped,
  device_id: isText,
  device_name: optional(isText),
  device_type: optional(isText),
  platform: optional(isText),
  capabilities: optional(isObject)
};
var action = { action: optional(isAction2), revision: optional(isWhole) };
var snapshotOf = (item2) => ({
  revision: isWhole,
  epoch: isText,
  items: arrayOf(shape(item2))
});
var piece2 = { start: optional(isFlag), next: optional(isText) };
var NOTHING_TO_COUNT = { epoch: null };
var SHAPES2 = {
  progress_update: shape({ ...progress, ...action }),
  progress_snapshot: shape(snapshotOf(progress)),
  progress_snapshot_piece: shape({ ...snapshotOf(progress), ...piece2 }),
  device_update: shape({ ...device, ...action, is_online: optional(isFlag), last_seen: optional(isText) }),
  devices_snapshot: shape(snapshotOf(device)),
  devices_snapshot_piece: shape({ ...snapshotOf(device), ...piece2 }),
  lists: shape({ lists: arrayOf(shape({ list: isText, name: isText })) })
};
function asOfList(message) {
  if (message.type === "resumed" && message.collection !== void 0) {
    const list2 = `:${message.collection}`;
    return { ...message, list: list2, ...list2 === LISTS && NOTHING_TO_COUNT };
  }
  const isRight = SHAPES2[message.type];
  if (isRight === void 0) return message;
  if (!isRight(message)) return null;
  const fields = message;
  if (fields["revision"] === void 0) return message;
  const { type } = fields;
  const [list, of] = type.startsWith("progress") ? [":progress", progressItem2] : [":devices", deviceItem2];
  const asOf = type.endsWith("_update") ? { type: "list_update", ...of(fields), action: fields["action"] === "remove" ? "remove" : "add" } : { type: `list_${type.replace(/^[a-z]+_/u, "")}`, items: fields["items"].map(of) };
  return { ...pick(fields, "revision", "epoch", "start", "next"), ...asOf, list };
}
function progressItem2(fields) {
  const { content_id, position, duration, state = "playing" } = fields;
  const data = {
    position_seconds: position,
    state,
    ...duration !== 0 && { duration_seconds: duration },
    ...pick(fields, "watched")
  };
  return { content_id, data, ...pick(fields, "timestamp", "device_id") };
}
function deviceItem2(fields) {
  const data = pick(fields, ...DEVICE_MEMBERS);
  return { content_id: fields["device_id"], data, ...pick(fields, "timestamp") };
}
function pick(fields, ...names) {
  const picked = {};
  for (const name of names) if (fields[name] !== void 0) picked[name] = fields[name];
  return picked;
}
function asMessage(write) {
  const { operation_id, operation, content_id, data, timestamp, isUnstamped } = write;
  const isDevice = named(prefixIn(content_id)).collection === "devices";
  return {
    ...data,
    type: isDevice ? "device_update" : "progress_update",
    id: operation_id,
    operation,
    [isDevice ? "device_id" : "content_id"]: contentIn(content_id),
    ...isUnstamped ? { operation_id } : { timestamp }
  };
}

// src/data/reports.ts
var Reports = class {
  #last = /* @__PURE__ */ new Map();
  #held = /* @__PURE__ */ new Map();
  /** The reports that are shown but not queued yet, in the order in which each content was first held. */
  get held() {
    return Array.from(this.#held);
  }
  /**
   * Note a report; whether playing on leads there from the one before: at up to double speed, give or take some
   * seconds.
   */
  goesOn(key, data, nowMs) {
    const last = this.#last.get(key);
    const { position_seconds, state } = data;
    this.#last.set(key, { position_seconds, state, atMs: nowMs });
    if (last === void 0 || last.state !== "playing" || state !== "playing") return false;
    const elapsedS = (nowMs - last.atMs) / 1e3;
    const start = last.position_seconds;
    return position_seconds >= start - 1 && position_seconds <= start + 2 * elapsedS + 3;
  }
  /** Hold a report; it replaces an earlier one that is held. */
  hold(key, report) {
    this.#held.set(key, report);
  }
  /** Drop what is held of a content; whether there was something. */
  letGo(key) {
    return this.#held.delete(key);
  }
};

// src/data/user_registers.ts
var REPORT_MS = 1e4;
var OF_PROGRESS2 = prefixOf(PROGRESS);
var OF_DEVICES2 = prefixOf(DEVICES);
var OF_LISTS = prefixOf(LISTS);
var Registers = class {
  #collections;
  #timers;
  #reports = new Reports();
  #transient = { version: 0, held: [], hints: null, lists: [] };
  #isHeldShown = true;
  asMessage = asMessage;
  constructor(collections, timers) {
    this.#collections = collections;
    this.#timers = timers;
  }
  /** Held reports are gathered only when this is read: an app may report thousands of contents at once. */
  get transient() {
    if (!this.#isHeldShown) {
      this.#isHeldShown = true;
      const held = this.#reports.held.map(([contentId, { data, atMs }]) => {
        const timestamp = { physical: atMs, logical: 0, node: "" };
        return { operation: "report", content_id: contentId, timestamp, data };
      });
      this.#show({ held });
    }
    return this.#transient;
  }
  // What the user writes
  /** Does what `Core.enqueue` promises. */
  enqueue(operation, key, { origin, ...carried }, nowMs) {
    const said = { ...sayable(operation, key, carried), origin };
    if (operation === "report") this.#report(key, said.data ?? {}, nowMs);
    else if (prefixIn(key) === OF_PROGRESS2) {
      this.#letGo(key);
      this.#put(operation, key, said, nowMs);
    } else if (operation === "remove" || !saysAlready(this.#deviceOf(key), said.data))
      this.#collections.enqueue(operation, key, nowMs, said);
  }
  /**
   * Bring the queue to what it would be had this part been loaded from the start: with checked members, without updates
   * of progress that a later one replaces, and without updates of a device that say nothing new.
   */
  tidy() {
    const { state } = this.#collections;
    for (const write of state.queue.values())
      if (write.operation === "update")
        this.#collections.restate({ ...write, ...sayable("update", write.content_id, write) });
    for (const number of Array.from(state.queue.keys())) {
      const write = state.queue.get(number);
      if (write?.operation !== "update") continue;
      const { content_id: key, data } = write;
      const writes = state.writesOf(key);
      const next = writes[writes.indexOf(write) + 1];
      if (prefixIn(key) === OF_PROGRESS2 && next?.operation === "update") {
        this.#collections.restate({ ...next, data: { ...data, ...next.data } });
        this.#collections.drop(number);
      } else if (prefixIn(key) === OF_DEVICES2 && writes[0] === write && this.#isConfirmed(key, data)) {
        this.#collections.drop(number);
      }
    }
  }
  #isConfirmed(key, said) {
    const confirmed = this.#collections.state.items.get(key);
    return confirmed !== void 0 && saysAlready({ ...confirmed.data, pending: false }, said);
  }
  #deviceOf(key) {
    return this.#devices.find(({ device_id }) => device_id === contentIn(key));
  }
  #report(key, data, nowMs) {
    if (this.#reports.goesOn(key, data, nowMs) && this.#timers.isRunning("report")) {
      this.#reports.hold(key, { data, atMs: nowMs });
      this.#showHeld();
    } else {
      this.#letGo(key);
      this.#putReport(key, data, nowMs);
    }
  }
  /** Queue the held reports, stamped with the time of the report. */
  flush() {
    for (const [key, { data, atMs }] of this.#reports.held) {
      this.#letGo(key);
      this.#putReport(key, data, atMs);
    }
  }
  #putReport(key, data, atMs) {
    this.#put("update", key, { data }, atMs);
    if (!this.#timers.isRunning("report")) this.#timers.start("report", REPORT_MS);
  }
  /** Queue a write of progress; it replaces the updates that are still to be sent, and has what they say. */
  #put(operation, key, said, atMs) {
    const { state, queue } = this.#collections;
    if (this.#collections.hasWriteOf(said.origin)) return;
    const writes = state.writesOf(key);
    const behindRemove = writes.slice(writes.map((write) => write.operation).lastIndexOf("remove") + 1);
    let { data } = said;
    for (const earlier of behindRemove.filter((write) => queue.isUnsent(write))) {
      data = data && { ...earlier.data, ...data };
      this.#collections.drop(earlier.number);
    }
    this.#collections.enqueue(operation, key, atMs, { ...said, ...data && { data } });
  }
  #letGo(key) {
    if (this.#reports.letGo(key)) this.#showHeld();
  }
  #showHeld() {
    this.#isHeldShown = false;
    this.#collections.markUpdated();
  }
  // What the service says
  /** A message as one about a list; null: it is malformed. Hints and the catalogue are noted. */
  read(message) {
    const read = asOfList(message);
    const { asked } = this.#collections;
    if (read?.type === "lists" && asked.includes(OF_LISTS)) this.#setLists(read);
    if (read === null || !asked.includes(OF_DEVICES2)) return read;
    if (read.type === "resumed" && read.list === DEVICES && this.transient.hints === null) this.#setHints({});
    if (read.type === "device_update") this.#hint(read);
    return read;
  }
  #hint({ device_id, is_online, last_seen }) {
    const { hints } = this.transient;
    if (hints === null || device_id === void 0 || is_online === void 0 || last_seen === void 0) return;
    this.#setHints({ ...hints, [device_id]: { is_online, last_seen } });
  }
  /** Forget which devices are online: the connection has ended. */
  endHints() {
    if (this.transient.hints !== null) this.#setHints(null);
  }
  #setLists({ lists = [] }) {
    const told = lists.map(({ list, name }) => Object.freeze({ list, name }));
    if (JSON.stringify(told) === JSON.stringify(this.transient.lists)) return;
    this.#show({ lists: Object.freeze(told) });
    this.#collections.markUpdated();
  }
  #setHints(hints) {
    const before = this.#devices;
    this.#show({ hints });
    if (this.#devices !== before) this.#collections.markUpdated();
  }
  get #devices() {
    return devicesOf(this.#collections.state, [], this.transient);
  }
  #show(fields) {
    this.#transient = { ...this.#transient, ...fields, version: this.#transient.version + 1 };
  }
};
function sayable(operation, key, carried) {
  try {
    return checkedWords(operation, key, carried);
  } catch {
    return carried;
  }
}
export {
  Registers,
  VIEWS,
  begunIn,
  byIdIn,
  checkedWords,
  saysAlready
};
