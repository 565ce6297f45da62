// The client of syncd. Built by `npm run build` from clients/javascript/src: change it there.

// src/backoff.ts
var FIRST_MS = 500;
var MOST_MS = 3e4;
var Backoff = class {
  /** Attempts in a row that failed. */
  #failures = 0;
  /** `random`: in [0, 1). */
  next(random) {
    const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.floor(random * ceiling);
  }
  reset() {
    this.#failures = 0;
  }
};

// src/outbox.ts
var MAX_IN_FLIGHT = 64;
var Outbox = class {
  /** By number. */
  #inFlight = /* @__PURE__ */ new Set();
  /** Take what may go: in order, one per content, so that the order holds even when one has to be repeated. */
  take(queue) {
    const messages = [];
    const busy = /* @__PURE__ */ new Set();
    for (const operation of queue) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      if (operation.answer !== void 0) continue;
      if (!busy.has(operation.content_id) && !this.#inFlight.has(operation.number)) {
        this.#inFlight.add(operation.number);
        messages.push(asMessage(operation));
      }
      busy.add(operation.content_id);
    }
    return messages;
  }
  acknowledge(ledger, { id, status, revision, timestamp }) {
    const operation = ledger.unanswered(id);
    if (operation === void 0) return null;
    this.#inFlight.delete(operation.number);
    ledger.answer(operation, revision, timestamp);
    return { type: "confirmed", ...named(operation), status, revision: revision ?? null };
  }
  /** `retry`: nothing may be sent for a while. */
  fail(ledger, { id, code, field, message }) {
    const operation = ledger.unanswered(id);
    if (operation === void 0) return null;
    if (code === "not_found") return this.acknowledge(ledger, { id: operation.operation_id, status: "not_found" });
    this.#inFlight.delete(operation.number);
    if (code === "try_again_later") return "retry";
    if (field === "timestamp" && !operation.isUnstamped) {
      ledger.unstamp(operation);
      return null;
    }
    ledger.refuse(operation);
    return { type: "refused", ...named(operation), code, message };
  }
};
function named({ operation_id, operation, content_id }) {
  return { operation_id, operation, content_id };
}
function asMessage(operation) {
  const { operation_id, tag, observed, timestamp, isUnstamped } = operation;
  return {
    type: "watchlist_update",
    id: operation_id,
    ...named(operation),
    ...tag !== void 0 && { tag },
    observed,
    ...!isUnstamped && { timestamp }
  };
}

// src/exchange.ts
var NO_STAMP = { physical: 0, logical: 0, node: "" };
var RETRY_MS = 1e3;
var STABLE_MS = 1e4;
var Exchange = class {
  #ledger;
  #put;
  #outbox = new Outbox();
  #resumed = null;
  #isLive = false;
  #isRetrying = false;
  #goodbyeMs = null;
  /** `put`: where its outputs go. */
  constructor(ledger, put) {
    this.#ledger = ledger;
    this.#put = put;
  }
  /** Whether the list is up to date. */
  get isLive() {
    return this.#isLive;
  }
  /** When the service, which takes its leave, wants to see this device again; null: it stays. */
  get goodbyeMs() {
    return this.#goodbyeMs;
  }
  /** Returns false where revisions are missing before this message: the connection is to be closed. */
  receive(message) {
    switch (message.type) {
      case "watchlist_update":
        return this.#update(message);
      case "watchlist_snapshot":
        this.#ledger.replace(message.revision, message.epoch, message.items);
        this.#becomeLive();
        break;
      case "resumed":
        this.#resume(message);
        break;
      case "ack": {
        const event = this.#outbox.acknowledge(this.#ledger, message);
        if (event !== null) this.#put({ type: "emit", event });
        break;
      }
      case "error":
        this.#fail(message);
        break;
      case "goodbye":
        this.#goodbyeMs = message.reconnect_in_ms;
        break;
      case "progress_update": {
        const { content_id, position, duration } = message;
        this.#put({ type: "emit", event: { type: "progress", content_id, position, duration } });
        break;
      }
      case "device_command": {
        const { command, target_device } = message;
        this.#put({
          type: "emit",
          event: { type: "command", command, target_device: target_device ?? null }
        });
      }
    }
    return true;
  }
  /** Send what may go now. */
  send() {
    if (!this.#isLive || this.#isRetrying) return;
    for (const message of this.#outbox.take(this.#ledger.state.queue.values())) this.#put({ type: "send", message });
  }
  /** The timer `retry` is due. */
  retry() {
    this.#isRetrying = false;
  }
  #resume(resumed) {
    this.#resumed = resumed;
    if (resumed.recovered) {
      this.#ledger.adoptEpoch(resumed.epoch);
      this.#becomeLiveIfComplete();
    } else {
      this.#isLive = false;
    }
  }
  #update(update) {
    const { content_id, action, revision, timestamp = NO_STAMP, device_id } = update;
    if (revision === void 0) return true;
    const isNext = this.#ledger.apply({
      content_id,
      action,
      revision,
      timestamp,
      device_id: device_id ?? null
    });
    if (isNext) this.#becomeLiveIfComplete();
    return isNext;
  }
  #becomeLiveIfComplete() {
    if (this.#resumed?.recovered && this.#ledger.state.head.revision >= this.#resumed.revision) this.#becomeLive();
  }
  #becomeLive() {
    if (this.#isLive) return;
    this.#isLive = true;
    const recovered = this.#resumed?.recovered ?? false;
    this.#put({ type: "emit", event: { type: "resumed", recovered, reason: this.#resumed?.reason ?? null } });
    this.#put({ type: "start_timer", name: "stable", ms: STABLE_MS });
  }
  #fail(error) {
    const outcome = this.#outbox.fail(this.#ledger, error);
    if (outcome === "retry") {
      this.#isRetrying = true;
      this.#put({ type: "start_timer", name: "retry", ms: error.retry_after_ms ?? RETRY_MS });
    } else if (outcome !== null) {
      this.#put({ type: "emit", event: outcome });
    }
  }
};

// src/clock.ts
var MAX_LOGICAL = 65535;
function tick(last, nowMs) {
  if (nowMs > last.physical) return { physical: nowMs, logical: 0 };
  if (last.logical < MAX_LOGICAL) return { physical: last.physical, logical: last.logical + 1 };
  return { physical: last.physical + 1, logical: 0 };
}
function compareReadings(a, b) {
  return a.physical - b.physical || a.logical - b.logical;
}
function compareStamps(a, b) {
  return compareReadings(a, b) || compareCodePoints(a.node, b.node);
}
function compareCodePoints(a, b) {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at === -1) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

// src/user_state.ts
var UserState = class _UserState {
  head;
  items;
  /** By number; the order is the order of the wishes. */
  queue;
  constructor(head, items = [], queue = []) {
    this.head = head;
    this.items = new Map(Array.from(items, (item) => [item.content_id, item]));
    this.queue = new Map(Array.from(queue, (operation) => [operation.number, operation]));
  }
  /** The state of a user of whom nothing is stored. */
  static empty(replica) {
    return new _UserState({
      replica,
      adds: 0,
      operations: 0,
      clock: { physical: 0, logical: 0 },
      revision: 0,
      epoch: null
    });
  }
  apply(change) {
    if ("set" in change) this.head = { ...this.head, ...change.set };
    else if ("put" in change) this.items.set(change.put.content_id, change.put);
    else if ("drop" in change) this.items.delete(change.drop);
    else if ("clear" in change) this.items.clear();
    else if ("queue" in change) this.queue.set(change.queue.number, change.queue);
    else if ("settle" in change) this.queue.delete(change.settle);
    else {
      this.items.clear();
      this.queue.clear();
    }
  }
  /**
   * The list to show, newest first: what is confirmed with the queue applied, and then `wishes` that are not in it yet.
   * Cost: O(n log n).
   */
  list(wishes = []) {
    const shown = /* @__PURE__ */ new Map();
    for (const [content, item] of this.items) shown.set(content, { ...item, pending: false });
    for (const { operation, content_id, timestamp } of [...this.queue.values(), ...wishes]) {
      if (operation === "remove") {
        shown.delete(content_id);
        continue;
      }
      const before = shown.get(content_id);
      shown.set(
        content_id,
        before !== void 0 && compareStamps(timestamp, before.timestamp) <= 0 ? { ...before, pending: true } : { content_id, timestamp, rank: Infinity, device_id: null, pending: true }
      );
    }
    return Array.from(shown.values()).sort((a, b) => compareStamps(b.timestamp, a.timestamp) || b.rank - a.rank).map(({ content_id, pending, timestamp, device_id }) => ({
      content_id,
      pending,
      timestamp,
      device_id
    }));
  }
};

// src/ledger.ts
var UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
function canonical(contentId) {
  if (!UUID.test(contentId)) throw new TypeError(`A content is named by a UUID, not by ${JSON.stringify(contentId)}.`);
  return contentId.toLowerCase();
}
var Ledger = class {
  user;
  state;
  #newReplica;
  #changes = [];
  #hasUpdated = true;
  // it is shown for the first time
  /** `stored`: what is kept of `user`, null if nothing is; becomes the ledger's own. */
  constructor(user, stored, newReplica) {
    this.user = user;
    this.#newReplica = newReplica;
    this.state = stored ?? UserState.empty(newReplica());
    if (stored === null) this.#changes.push({ set: this.state.head });
    for (const { answer, ...operation } of this.state.queue.values()) this.state.apply({ queue: operation });
  }
  /** Take what is to be stored, and whether the app should look at the list again. */
  takeChanges() {
    const taken = { changes: this.#changes, hasUpdated: this.#hasUpdated };
    this.#changes = [];
    this.#hasUpdated = false;
    return taken;
  }
  /** Put a wish at the end of the queue, once per `origin`. Throws a TypeError where `contentId` is no UUID. */
  write(operation, contentId, nowMs, origin) {
    const content_id = canonical(contentId);
    if (origin !== void 0 && Array.from(this.state.queue.values()).some((each) => each.origin === origin)) return;
    const { replica, revision, ...head } = this.state.head;
    const clock = tick(head.clock, nowMs);
    const number = head.operations + 1;
    const adds = operation === "add" ? head.adds + 1 : head.adds;
    this.#change({ set: { clock, operations: number, adds } });
    this.#changeQueue({
      queue: {
        number,
        operation,
        content_id,
        operation_id: `${replica}.${number}`,
        ...operation === "add" && { tag: `${replica}:${adds}` },
        observed: revision,
        timestamp: { ...clock, node: replica },
        ...origin !== void 0 && { origin }
      }
    });
  }
  /** Apply the next revision; one that was seen changes nothing. False: those between are missing. */
  apply({ content_id, action, revision, timestamp, device_id }) {
    const { revision: known } = this.state.head;
    if (revision <= known) return true;
    if (revision > known + 1) return false;
    this.#follow(timestamp);
    this.#change({ set: { revision } });
    const before = this.state.items.get(content_id);
    if (action === "remove") this.#change({ drop: content_id });
    else if (before === void 0 || compareStamps(timestamp, before.timestamp) >= 0)
      this.#change({ put: { content_id, timestamp, rank: revision, device_id } });
    this.#hasUpdated = true;
    this.#settle();
    return true;
  }
  /** Put a snapshot in the place of what was confirmed. */
  replace(revision, epoch, items) {
    const { head } = this.state;
    const isOtherJournal = head.epoch !== null && head.epoch !== epoch || revision < head.revision;
    this.#change({ clear: true });
    items.forEach(({ content_id, timestamp, device_id }, index) => {
      this.#follow(timestamp);
      this.#change({ put: { content_id, timestamp, rank: -index, device_id } });
    });
    this.#change({ set: { revision, epoch } });
    this.#hasUpdated = true;
    if (isOtherJournal) {
      for (const operation of this.state.queue.values()) {
        this.#changeQueue(
          operation.answer === void 0 ? { queue: { ...operation, observed: revision } } : { settle: operation.number }
        );
      }
    }
    this.#settle();
  }
  adoptEpoch(epoch) {
    if (epoch !== this.state.head.epoch) this.#change({ set: { epoch } });
  }
  /** The operation that waits for an answer to `id`. */
  unanswered(id) {
    if (id === void 0) return void 0;
    for (const operation of this.state.queue.values()) {
      if (operation.operation_id === id) return operation.answer === void 0 ? operation : void 0;
    }
    return void 0;
  }
  /** It holds from `revision` on; undefined: nothing had to change. Settled once the list has come so far. */
  answer(operation, revision, timestamp) {
    if (timestamp !== void 0) this.#follow(timestamp);
    if (revision === void 0) this.#changeQueue({ settle: operation.number });
    else this.#changeQueue({ queue: { ...operation, answer: revision } });
    this.#settle();
  }
  /** Leave the stamp to the service. */
  unstamp(operation) {
    this.#change({ queue: { ...operation, isUnstamped: true } });
  }
  /** Undo what can never succeed. */
  refuse(operation) {
    this.#changeQueue({ settle: operation.number });
    if (operation.operation === "add") this.#change({ set: { replica: this.#newReplica(), adds: 0 } });
  }
  erase() {
    this.#change({ erase: true });
  }
  #settle() {
    const { revision } = this.state.head;
    for (const { number, answer } of this.state.queue.values()) {
      if (answer !== void 0 && answer <= revision) this.#changeQueue({ settle: number });
    }
  }
  /** Keep the clock from falling behind what it has seen. */
  #follow({ physical, logical }) {
    if (compareReadings({ physical, logical }, this.state.head.clock) > 0)
      this.#change({ set: { clock: { physical, logical } } });
  }
  #changeQueue(change) {
    this.#hasUpdated = true;
    this.#change(change);
  }
  #change(change) {
    this.state.apply(change);
    this.#changes.push(change);
  }
};

// src/messages.ts
function isLasting(code) {
  return LASTING.has(code) || code > TOKEN_ENDED && code <= 4999;
}
var TOKEN_ENDED = 4500;
var LASTING = /* @__PURE__ */ new Set([1e3, 1002, 1003, 1007, 1008, 1009, 1010]);
var LASTING_STATUS = /* @__PURE__ */ new Set([400, 403, 404, 426]);

// src/silence.ts
var Silence = class {
  #wasHeard = false;
  #wasAsked = false;
  /** A message came. */
  heard() {
    this.#wasHeard = true;
  }
  /** Once an interval: `ask` the other side for a sign of life, or give the connection up for `lost`. */
  check() {
    if (!this.#wasHeard && this.#wasAsked) return "lost";
    this.#wasAsked = !this.#wasHeard;
    this.#wasHeard = false;
    return this.#wasAsked ? "ask" : "fine";
  }
};

// src/core.ts
var RENEW_MS = { beforeEnd: 6e4, atLeast: 3e4 };
var SILENCE_MS = 2e4;
var TIMERS = ["reconnect", "stable", "renew", "retry", "silence"];
var Core = class {
  #around;
  #spentTokens = /* @__PURE__ */ new Set();
  #backoff = new Backoff();
  /** Stays `opening` while there is an exchange. */
  #state = "signed_out";
  #ledger = null;
  // Of the attempt or connection under way
  #token = "";
  #silence = new Silence();
  /** While the connection is open. */
  #exchange = null;
  #outputs = [];
  constructor(around) {
    this.#around = around;
  }
  get state() {
    if (this.#exchange === null) return this.#state;
    return this.#exchange.isLive ? "live" : "resuming";
  }
  get user() {
    return this.#ledger?.user ?? null;
  }
  /** What the signed-in user's list and queue are; to be looked at only. */
  get stored() {
    return this.#ledger?.state ?? null;
  }
  // The app's calls
  /** Show `user`'s list and connect. `stored`: what is kept of the user, null if nothing is; becomes the core's own. */
  signIn(user, stored) {
    if (user === this.user) return this.connect();
    const before = this.signOut(false);
    this.#ledger = new Ledger(user, stored, this.#around.newReplica);
    this.#backoff.reset();
    this.#askToOpen();
    return [...before, ...this.#done()];
  }
  /** `erase`: delete all that is stored of the user, unsent operations included. */
  signOut(erase) {
    if (this.#ledger === null) return [];
    const { user } = this.#ledger;
    if (erase) this.#ledger.erase();
    this.#hangUp();
    this.#end("signed_out");
    this.#emit({ type: "signed_out", user_id: user, erased: erase });
    const outputs = this.#done();
    this.#ledger = null;
    return outputs;
  }
  connect() {
    if (this.#state === "stopped" || this.#state === "waiting") {
      this.#backoff.reset();
      this.#put({ type: "stop_timer", name: "reconnect" });
      this.#askToOpen();
    }
    return this.#done();
  }
  disconnect() {
    if (this.#ledger !== null && this.#state !== "stopped") {
      this.#hangUp();
      this.#stop(null, "the app went offline");
    }
    return this.#done();
  }
  /**
   * Throws an Error where nobody is signed in, a TypeError where `contentId` is no UUID. `origin`: a name for this call;
   * one whose operation is in the queue changes nothing.
   */
  write(operation, contentId, origin) {
    if (this.#ledger === null) throw new Error("Nobody is signed in.");
    this.#ledger.write(operation, contentId, this.#around.now(), origin);
    return this.#done();
  }
  // The app's callback
  token(token) {
    const ledger = this.#ledger;
    const isForeign = token.sub !== void 0 && token.sub !== ledger?.user;
    if (ledger !== null && this.#state === "token") {
      if (isForeign) this.#stop(null, "the token is another user's");
      else if (this.#spentTokens.has(token.value)) this.#stop(null, "the token was refused before");
      else this.#open(ledger, token);
    } else if (isForeign) {
      this.#start("renew", RENEW_MS.atLeast);
    } else {
      const message = { type: "authenticate", token: token.value };
      if (token.value !== this.#token) this.#put({ type: "send", message });
      this.#take(token);
    }
    return this.#done();
  }
  tokenFailed() {
    if (this.#state === "token") this.#reconnect(null, "no token could be had");
    else this.#start("renew", RENEW_MS.atLeast);
    return this.#done();
  }
  // The socket
  opened() {
    if (this.#ledger !== null) this.#exchange = new Exchange(this.#ledger, (output) => this.#outputs.push(output));
    this.#emit({ type: "connected" });
    return this.#done();
  }
  /** `status`: with which the service refused, where it can be known. */
  openFailed(status, retryAfterS = 0) {
    const reason = status === void 0 ? "no connection" : `refused with status ${status}`;
    if (status === 401) this.#spentTokens.add(this.#token);
    if (status !== void 0 && LASTING_STATUS.has(status)) this.#stop(null, reason);
    else this.#reconnect(null, reason, retryAfterS * 1e3);
    return this.#done();
  }
  closed(code) {
    const reason = `closed with code ${code}`;
    const goodbyeMs = this.#exchange?.goodbyeMs ?? null;
    if (code === TOKEN_ENDED) this.#spentTokens.add(this.#token);
    if (isLasting(code)) this.#stop(code, reason);
    else if (goodbyeMs !== null && code !== TOKEN_ENDED) this.#wait(goodbyeMs, code, reason);
    else this.#reconnect(code, reason);
    return this.#done();
  }
  received(message) {
    this.#silence.heard();
    if (this.#exchange?.receive(message) === false) {
      this.#hangUp();
      this.#reconnect(null, "revisions were missing");
    }
    return this.#done();
  }
  // Time
  due(timer) {
    switch (timer) {
      case "reconnect":
        this.#askToOpen();
        break;
      case "stable":
        this.#backoff.reset();
        break;
      case "renew":
        if (this.#exchange !== null) this.#put({ type: "ask_token" });
        break;
      case "retry":
        this.#exchange?.retry();
        break;
      case "silence":
        this.#checkSilence();
    }
    return this.#done();
  }
  // Connecting
  #askToOpen() {
    this.#state = "token";
    this.#put({ type: "ask_token" });
  }
  #open(ledger, token) {
    const { revision, epoch } = ledger.state.head;
    this.#state = "opening";
    this.#take(token);
    const url = `/ws?since=${revision}${epoch === null ? "" : `&epoch=${encodeURIComponent(epoch)}`}`;
    this.#put({ type: "open", url, token: token.value });
    this.#silence = new Silence();
    this.#start("silence", SILENCE_MS);
  }
  #take({ value, exp }) {
    this.#token = value;
    if (exp !== void 0)
      this.#start("renew", Math.max(exp * 1e3 - RENEW_MS.beforeEnd - this.#around.now(), RENEW_MS.atLeast));
  }
  #checkSilence() {
    const verdict = this.state === "opening" ? "lost" : this.#silence.check();
    if (verdict === "lost") {
      this.#hangUp();
      this.#reconnect(null, "no answer");
      return;
    }
    if (verdict === "ask") this.#put({ type: "send", message: { type: "ping" } });
    this.#start("silence", SILENCE_MS);
  }
  // Ends
  #reconnect(code, reason, atLeastMs = 0) {
    this.#wait(Math.max(this.#backoff.next(this.#around.random()), atLeastMs), code, reason);
  }
  #wait(ms, code, reason) {
    this.#end("waiting");
    this.#start("reconnect", ms);
    this.#emit({ type: "disconnected", code, retry_in_ms: ms, reason });
  }
  #stop(code, reason) {
    this.#end("stopped");
    this.#emit({ type: "disconnected", code, retry_in_ms: null, reason });
  }
  #hangUp() {
    if (this.#state === "token" || this.#state === "opening") this.#put({ type: "close" });
  }
  #end(state) {
    this.#state = state;
    this.#exchange = null;
    for (const name of TIMERS) this.#put({ type: "stop_timer", name });
  }
  // Outputs
  #start(name, ms) {
    this.#put({ type: "start_timer", name, ms });
  }
  #emit(event) {
    this.#put({ type: "emit", event });
  }
  #put(output) {
    this.#outputs.push(output);
  }
  /** End an input: first of all what it changed is stored, then what may be sent is, and `updated` comes last. */
  #done() {
    const ledger = this.#ledger;
    const { changes, hasUpdated } = ledger?.takeChanges() ?? { changes: [], hasUpdated: false };
    if (ledger !== null && changes.length > 0) this.#outputs.unshift({ type: "save", user: ledger.user, changes });
    this.#exchange?.send();
    if (hasUpdated) this.#emit({ type: "updated" });
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
};

// src/token.ts
function readToken(value) {
  try {
    const payload = (value.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
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

// src/engine.ts
var MAX_TIMER_MS = 2 ** 31 - 1;
var Engine = class {
  #service;
  #store;
  #onBatch;
  #onStoreFailed;
  #core = new Core({ now: Date.now, random: Math.random, newReplica: randomName });
  #timers = /* @__PURE__ */ new Map();
  #attempt = null;
  #waiting = [];
  #isPumping = false;
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
  get stored() {
    return this.#core.stored;
  }
  signIn(user, stored) {
    this.#perform(this.#core.signIn(user, stored));
  }
  /**
   * Do what `call` asks for. Its effect on the list is there at once; `name` is told as done when it is durable. A write
   * of a name that is in the queue is not done again.
   */
  call(call, name) {
    this.#perform(this.#outputsOf(call, name), name);
  }
  /** Stop at once and for ever, without a word to anybody but the service: so after `onStoreFailed`, too. */
  retire() {
    this.#isRetired = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#hangUp();
  }
  #outputsOf(call, name) {
    switch (call.type) {
      case "hello":
        return this.#core.state === "waiting" ? this.#core.connect() : [];
      case "connect":
        return this.#core.connect();
      case "disconnect":
        return this.#core.disconnect();
      case "sign_out":
        return this.#core.signOut(call.erase);
      case "write":
        return this.#core.write(call.operation, call.content_id, name);
    }
  }
  /** Timers and hanging up need not wait for the storage, and must not: nothing of the attempt may come in any more. */
  #perform(outputs, done2) {
    if (this.#isRetired) return;
    for (const output of outputs) {
      switch (output.type) {
        case "start_timer":
          this.#startTimer(output.name, output.ms);
          break;
        case "stop_timer":
          clearTimeout(this.#timers.get(output.name));
          break;
        case "close":
          this.#hangUp();
          break;
        default:
          if (output.type === "ask_token") this.#attempt ??= { socket: null };
          this.#waiting.push({ output, attempt: this.#attempt });
      }
    }
    if (done2 !== void 0) this.#waiting.push({ done: done2 });
    void this.#pump();
  }
  /** All that waits is stored in one go, then carried out in order: a burst shares transactions. */
  async #pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#waiting.length > 0 && !this.#isRetired) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const saves = waiting.flatMap((each) => "output" in each && each.output.type === "save" ? [each.output] : []);
      const changes = saves.flatMap((save) => save.changes);
      if (saves[0] !== void 0) {
        try {
          await this.#store.save(saves[0].user, changes);
        } catch (error) {
          this.#onStoreFailed(error);
          return;
        }
        if (this.#isRetired) return;
      }
      const events = [];
      const done2 = [];
      for (const each of waiting) {
        if ("done" in each) done2.push(each.done);
        else if (each.output.type === "emit") events.push(each.output.event);
        else if (each.attempt === this.#attempt && this.#attempt !== null) this.#act(each.output, this.#attempt);
      }
      this.#onBatch({ changes, events, done: done2 });
    }
    this.#isPumping = false;
  }
  #act(output, attempt) {
    if (output.type === "ask_token") void this.#askToken(attempt);
    else if (output.type === "open") this.#open(output.url, output.token, attempt);
    else if (output.type === "send") attempt.socket?.send(JSON.stringify(output.message));
  }
  async #askToken(attempt) {
    let outputs;
    try {
      const value = await this.#service.getToken();
      outputs = () => value ? this.#core.token(readToken(value)) : this.#core.tokenFailed();
    } catch {
      outputs = () => this.#core.tokenFailed();
    }
    if (attempt === this.#attempt) this.#perform(outputs());
  }
  #open(url, token, attempt) {
    let socket;
    try {
      socket = new this.#service.WebSocket(this.#service.address + url, ["syncd.v1", `bearer.${token}`]);
    } catch {
      this.#attempt = null;
      this.#perform(this.#core.openFailed(400));
      return;
    }
    attempt.socket = socket;
    let wasOpen = false;
    const ifCurrent = (outputs) => {
      if (attempt === this.#attempt) this.#perform(outputs());
    };
    const ifEnded = (outputs) => ifCurrent(() => {
      this.#attempt = null;
      return outputs();
    });
    socket.onopen = () => {
      wasOpen = true;
      ifCurrent(() => this.#core.opened());
    };
    socket.onmessage = (event) => {
      const message = parse(event.data);
      if (message !== null) ifCurrent(() => this.#core.received(message));
    };
    socket.onclose = (event) => ifEnded(() => wasOpen ? this.#core.closed(event.code) : this.#core.openFailed());
    socket.onerror = () => {
      if (!wasOpen) ifEnded(() => this.#core.openFailed());
    };
  }
  #hangUp() {
    this.#attempt?.socket?.close(1e3);
    this.#attempt = null;
  }
  #startTimer(name, ms) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => this.#perform(this.#core.due(name)), Math.min(ms, MAX_TIMER_MS))
    );
  }
};
function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
function parse(data) {
  try {
    const message = JSON.parse(String(data));
    return typeof message === "object" && message !== null && "type" in message ? message : null;
  } catch {
    return null;
  }
}

// src/store.ts
var Superseded = class extends Error {
  constructor() {
    super("another tab keeps this user's state now");
  }
};
var Erased = class extends Error {
  constructor() {
    super("another tab has erased this user's state");
  }
};
var MemoryStore = class {
  #states = /* @__PURE__ */ new Map();
  claim(user) {
    return this.read(user);
  }
  async read(user) {
    const state = this.#states.get(user);
    return state === void 0 ? null : new UserState(state.head, state.items.values(), state.queue.values());
  }
  async save(user, changes) {
    const state = this.#states.get(user) ?? UserState.empty("");
    this.#states.set(user, state);
    for (const change of changes) {
      state.apply(change);
      if ("erase" in change) this.#states.delete(user);
    }
  }
  close() {
  }
};

// src/indexeddb_store.ts
var HEADS = "heads";
var ITEMS = "items";
var QUEUE = "queue";
var ALL = [HEADS, ITEMS, QUEUE];
var IndexedDbStore = class _IndexedDbStore {
  #database;
  #keeper;
  constructor(database, keeper) {
    this.#database = database;
    this.#keeper = keeper;
  }
  /** `keeper` names this client among all. Rejects where the browser lacks or forbids IndexedDB. */
  static async open(name, keeper) {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(HEADS, { keyPath: "user" });
      request.result.createObjectStore(ITEMS, { keyPath: ["user", "content_id"] });
      request.result.createObjectStore(QUEUE, { keyPath: ["user", "number"] });
    };
    const database = await result(request);
    database.onversionchange = () => database.close();
    return new _IndexedDbStore(database, keeper);
  }
  async claim(user, isKnown) {
    const transaction = this.#database.transaction(ALL, "readwrite");
    const heads = transaction.objectStore(HEADS);
    const head = heads.get(user);
    let isErased = false;
    head.onsuccess = () => {
      isErased = isKnown && head.result === void 0;
      if (!isErased) heads.put({ ...head.result, user, keeper: this.#keeper });
    };
    const state = await this.#state(transaction, user);
    if (isErased) throw new Erased();
    return state;
  }
  async read(user) {
    return this.#state(this.#database.transaction(ALL), user);
  }
  async save(user, changes) {
    const durability = changes.some((change) => "queue" in change) ? "strict" : "relaxed";
    const transaction = this.#database.transaction(ALL, "readwrite", { durability });
    const head = transaction.objectStore(HEADS).get(user);
    let isSuperseded = false;
    head.onsuccess = () => {
      isSuperseded = head.result?.keeper !== this.#keeper;
      if (head.result === void 0 || isSuperseded) return;
      let row = head.result;
      for (const change of changes) {
        if ("set" in change) transaction.objectStore(HEADS).put(row = { ...row, ...change.set });
        else write(transaction, user, change);
      }
    };
    await done(transaction);
    if (isSuperseded) throw new Superseded();
  }
  close() {
    this.#database.close();
  }
  async #state(transaction, user) {
    const head = transaction.objectStore(HEADS).get(user);
    const items = transaction.objectStore(ITEMS).getAll(ofUser(user));
    const queue = transaction.objectStore(QUEUE).getAll(ofUser(user));
    await done(transaction);
    return isHead(head.result) ? new UserState(head.result, items.result, queue.result) : null;
  }
};
function write(transaction, user, change) {
  const items = transaction.objectStore(ITEMS);
  const queue = transaction.objectStore(QUEUE);
  if ("put" in change) items.put({ user, ...change.put });
  else if ("drop" in change) items.delete([user, change.drop]);
  else if ("clear" in change) items.delete(ofUser(user));
  else if ("queue" in change) queue.put({ user, ...change.queue });
  else if ("settle" in change) queue.delete([user, change.settle]);
  else {
    items.delete(ofUser(user));
    queue.delete(ofUser(user));
    transaction.objectStore(HEADS).delete(user);
  }
}
function isHead(row) {
  return row?.replica !== void 0;
}
function ofUser(user) {
  return IDBKeyRange.bound([user], [user, []]);
}
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

// src/session.ts
var PATIENCE_MS = 3e3;
var Session = class {
  user;
  /** Fulfilled once there is a list to show. */
  isShown;
  #show;
  /** Fulfilled once it is closed. */
  isOver;
  #end;
  #environment;
  #tabs;
  #engine = null;
  /** Calls that are not done, by name, with the wish that a write is shown as. */
  #calls = /* @__PURE__ */ new Map();
  #callsMade = 0;
  #storeTrouble = new Backoff();
  #patience;
  #isClosed = false;
  // Of the tab that leads, while it is another
  #leader = null;
  #hasFollowed = false;
  #leaderState = null;
  #copy = null;
  /** News that came while the copy is being read. */
  #held = null;
  constructor(user, environment) {
    this.user = user;
    this.isShown = new Promise((resolve) => this.#show = resolve);
    this.isOver = new Promise((resolve) => this.#end = resolve);
    this.#environment = environment;
    this.#tabs = environment.openTabs(user, (news) => this.#hear(news));
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  }
  get state() {
    return this.#engine?.state ?? this.#leaderState ?? "stopped";
  }
  get stored() {
    return this.#engine?.stored ?? this.#copy;
  }
  /** Operations that are not settled. */
  get queueLength() {
    return (this.stored?.queue.size ?? 0) + this.#wishes.length;
  }
  list() {
    return (this.stored ?? UserState.empty("")).list(this.#wishes);
  }
  /** Throws a TypeError where `contentId` is no UUID. */
  write(operation, contentId) {
    const content_id = canonical(contentId);
    const timestamp = { physical: Date.now(), logical: this.#callsMade, node: this.#environment.tab };
    this.call({ type: "write", operation, content_id }, { operation, content_id, timestamp });
  }
  call(call, wish = null) {
    this.#callsMade += 1;
    const name = `${this.#environment.tab}.${this.#callsMade}`;
    this.#calls.set(name, { call, wish });
    this.#make(name, call);
    if (this.#engine === null && wish !== null) this.#environment.onEvent({ type: "updated" });
  }
  /** The user is here, or the network is back: whoever leads should be awake, and connect without waiting longer. */
  hello() {
    this.call({ type: "hello" });
  }
  /** Leave without a word to the app. */
  close() {
    this.#isClosed = true;
    clearTimeout(this.#patience);
    this.#engine?.retire();
    this.#tabs.close();
    this.#show();
    this.#end();
  }
  /** What is not in `stored` yet. */
  get #wishes() {
    if (this.#engine !== null) return [];
    return Array.from(this.#calls.values()).flatMap(({ wish }) => wish === null ? [] : [wish]);
  }
  #make(name, call) {
    if (this.#engine === null) {
      this.#tabs.tell({ type: "call", name, call });
      this.#bePatient();
    } else {
      this.#engine.call(call, name);
    }
  }
  #bePatient() {
    this.#patience ??= setTimeout(() => {
      this.#patience = void 0;
      if (this.#engine === null && this.#calls.size > 0) this.#tabs.takeLead(this.#onGranted, this.#onLost);
    }, PATIENCE_MS);
  }
  #loseNoPatience() {
    clearTimeout(this.#patience);
    this.#patience = void 0;
  }
  // Leading
  #onGranted = () => void this.#lead();
  async #lead() {
    const { tab, service, store } = this.#environment;
    let stored;
    try {
      stored = await store.claim(this.user, this.#hasFollowed);
    } catch (error) {
      this.#onStoreFailed(error);
      return;
    }
    if (this.#isClosed || this.#engine !== null) return;
    this.#loseNoPatience();
    const wasStopped = this.#leaderState === "stopped";
    const engine = new Engine(service, store, (batch) => this.#tellAll(batch), this.#onStoreFailed);
    this.#engine = engine;
    this.#leader = tab;
    this.#copy = null;
    engine.signIn(this.user, stored);
    if (wasStopped) engine.call({ type: "disconnect" }, "");
    for (const [name, { call }] of this.#calls) this.#make(name, call);
    this.#show();
  }
  #tellAll(batch) {
    const { tab } = this.#environment;
    this.#tabs.tell({ type: "batch", leader: tab, state: this.state, ...batch });
    this.#take(batch.done);
    this.#emit(batch.events);
  }
  /** What was not stored must be neither shown nor sent: it would be numbered twice. Begin again with what was. */
  #onStoreFailed = (error) => {
    if (this.#isClosed) return;
    if (error instanceof Superseded) {
      this.#onLost();
      return;
    }
    if (error instanceof Erased) {
      this.#emit([{ type: "signed_out", user_id: this.user, erased: true }]);
      return;
    }
    console.error("syncd: the watchlist cannot be stored; trying again.", error);
    this.#retire();
    void this.#readCopy();
    const waitMs = this.#storeTrouble.next(Math.random());
    this.#patience = setTimeout(() => this.#tabs.takeLead(this.#onGranted, this.#onLost), PATIENCE_MS + waitMs);
  };
  /** Another tab leads now; follow it. */
  #onLost = () => {
    if (this.#engine === null) return;
    this.#retire();
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  };
  #retire() {
    if (this.#engine !== null) {
      this.#copy = this.#engine.stored;
      this.#leaderState = this.#engine.state;
      this.#engine.retire();
    }
    this.#engine = this.#leader = null;
    this.#loseNoPatience();
  }
  // Following
  #hear(news) {
    if (this.#isClosed) return;
    if (news.type === "call") {
      this.#engine?.call(news.call, news.name);
      return;
    }
    if (this.#engine !== null) {
      this.#emit(news.events.filter((event) => event.type === "signed_out"));
      this.#environment.store.save(this.user, []).catch(this.#onStoreFailed);
      return;
    }
    this.#hasFollowed = true;
    this.#leaderState = news.state;
    if (news.leader !== this.#leader) {
      this.#leader = news.leader;
      void this.#readCopy();
      for (const [name, { call }] of this.#calls) this.#make(name, call);
    }
    if (this.#held === null) this.#follow(news);
    else this.#held.push(news);
  }
  async #readCopy() {
    const held = this.#held = [...this.#held ?? []];
    const copy = await this.#environment.store.read(this.user).catch(() => null);
    if (this.#held !== held) return;
    this.#held = null;
    if (this.#engine !== null || this.#isClosed) return;
    this.#copy = copy;
    held.forEach((batch) => this.#follow(batch));
    this.#show();
    this.#environment.onEvent({ type: "updated" });
  }
  #follow({ changes, events, done: done2 }) {
    changes.forEach((change) => this.#copy?.apply(change));
    this.#take(done2);
    this.#loseNoPatience();
    if (this.#calls.size > 0) this.#bePatient();
    this.#emit(events);
  }
  #take(done2) {
    for (const name of done2) this.#calls.delete(name);
  }
  #emit(events) {
    for (const event of events) {
      if (event.type === "signed_out") this.close();
      this.#environment.onEvent(event);
    }
  }
};

// src/tabs.ts
var NoOtherTabs = class {
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
  #locks = navigator.locks;
  #hasLed = false;
  /** Ends the latest request for the lock, and the lock itself. */
  #giveUp = new AbortController();
  constructor(name, onNews) {
    this.#name = name;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event) => onNews(event.data);
  }
  tell(news) {
    this.#channel.postMessage(news);
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
    if (this.#locks === void 0) onGranted();
    else this.#request(true, onGranted, onLost);
  }
  close() {
    this.#giveUp.abort();
    this.#channel.close();
  }
  #request(steal, onGranted, onLost) {
    this.#giveUp.abort();
    const { signal } = this.#giveUp = new AbortController();
    const untilGivenUp = () => new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve());
      if (signal.aborted) resolve();
      else onGranted();
    });
    this.#locks?.request(this.#name, steal ? { steal } : { signal }, untilGivenUp).catch(() => {
      if (!signal.aborted) onLost();
    });
  }
};

// src/client.ts
var SyncClient = class extends EventTarget {
  #environment;
  #session = null;
  #signIns = 0;
  /** The latest log-out: the next user waits for it. */
  #signedOut = Promise.resolve();
  /** Throws a TypeError where the address is none, or there is no WebSocket. */
  constructor({ url, getToken, database = "syncd", WebSocket = globalThis.WebSocket }) {
    super();
    if (WebSocket === void 0) throw new TypeError("There is no WebSocket here: pass one in the options.");
    this.#environment = this.#prepare({ address: addressOf(url), getToken, WebSocket }, database);
    globalThis.addEventListener?.("online", this.#onReturn);
    globalThis.document?.addEventListener("visibilitychange", this.#onReturn);
  }
  /** Whose list is open; null: nobody's. */
  get user() {
    return this.#session?.user ?? null;
  }
  get state() {
    return this.#session?.state ?? "signed_out";
  }
  /** The list, newest first, the user's unconfirmed changes included. A new array each time, sorted anew. */
  get items() {
    return this.#session?.list() ?? [];
  }
  /** How many of the user's changes are not settled with the service. */
  get queueLength() {
    return this.#session?.queueLength ?? 0;
  }
  /** The last revision of the list that this device has. */
  get revision() {
    return this.#session?.stored?.head.revision ?? 0;
  }
  /** Open `user`'s list as it is stored here, and connect; another's is closed and kept. Fulfilled: it is shown. */
  async signIn(user) {
    const signIn = ++this.#signIns;
    const environment = await this.#environment;
    await this.#signedOut;
    if (signIn !== this.#signIns) return;
    if (this.#session?.user === user) {
      this.connect();
    } else {
      this.#leave();
      this.#session = new Session(user, environment);
    }
    await this.#session.isShown;
  }
  /** Close the user's list, in all tabs. `erase`: nothing of it stays on the device, unsent changes included. */
  async signOut({ erase }) {
    this.#signIns += 1;
    if (this.#session === null) return;
    this.#session.call({ type: "sign_out", erase });
    this.#signedOut = this.#session.isOver;
    await this.#signedOut;
  }
  /** Connect now instead of later: what stopped the client was mended. */
  connect() {
    this.#session?.call({ type: "connect" });
  }
  /** Stay offline, in all tabs, until `connect`. */
  disconnect() {
    this.#session?.call({ type: "disconnect" });
  }
  /** Put a content into the list. Throws a TypeError if `contentId` is no UUID, an Error if nobody is signed in. */
  add(contentId) {
    this.#signedIn().write("add", contentId);
  }
  /** Take a content out of the list; throws like `add`. */
  remove(contentId) {
    this.#signedIn().write("remove", contentId);
  }
  /** Disconnect this page and release everything; list and queue stay stored. The client can't be used any more. */
  async close() {
    this.#signIns += 1;
    globalThis.removeEventListener?.("online", this.#onReturn);
    globalThis.document?.removeEventListener("visibilitychange", this.#onReturn);
    this.#session?.close();
    this.#session = null;
    (await this.#environment).store.close();
  }
  #signedIn() {
    if (this.#session === null) throw new Error("Nobody is signed in.");
    return this.#session;
  }
  #leave() {
    if (this.#session === null) return;
    this.#session.close();
    this.#tell({ type: "signed_out", user_id: this.#session.user, erased: false });
  }
  #tell = (event) => {
    if (event.type === "signed_out") this.#session = null;
    const { type, ...fields } = event;
    this.dispatchEvent(Object.assign(new Event(type), fields));
  };
  /** The network is back, or the user has returned to this page. */
  #onReturn = () => {
    if (globalThis.document?.visibilityState !== "hidden") this.#session?.hello();
  };
  async #prepare(service, database) {
    const tab = randomName();
    const environment = { tab, service, onEvent: this.#tell };
    try {
      if (database !== null && globalThis.indexedDB !== void 0) {
        const store = await IndexedDbStore.open(database, tab);
        const openTabs = (user, onNews) => new BrowserTabs(`${database}/${user}`, onNews);
        return { ...environment, store, openTabs };
      }
    } catch (error) {
      console.warn("syncd: the browser stores nothing; the watchlist is kept until the page is closed.", error);
    }
    return { ...environment, store: new MemoryStore(), openTabs: () => new NoOtherTabs() };
  }
};
function addressOf(url) {
  const address = new URL(url ?? globalThis.location?.origin);
  address.protocol = address.protocol.replace(/^http/, "ws");
  return address.href.replace(/\/+$/, "");
}
export {
  SyncClient,
  readToken
};
