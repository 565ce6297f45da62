// The client of syncd. Built from clients/javascript/src: change it there.

// src/transport/problem.ts
var MEDIA_TYPE = "application/problem+json";
function readProblem(status, contentType, body) {
  if (contentType?.split(";")[0]?.trim().toLowerCase() !== MEDIA_TYPE) return void 0;
  try {
    const problem = JSON.parse(body);
    const { title, detail } = problem ?? {};
    return problem?.status === status && typeof title === "string" && typeof detail === "string" ? detail : void 0;
  } catch {
    return void 0;
  }
}

// src/transport/carrying.ts
var BROKEN = 1006;
async function request({ address, signal }, target, token, { headers, ...options } = {}) {
  try {
    return await fetch(address.replace("ws", "http") + target, {
      ...options,
      headers: { ...headers, authorization: `Bearer ${token}` },
      cache: "no-store",
      redirect: "error",
      signal
    });
  } catch {
    return null;
  }
}
async function readAnswer(response) {
  const { status, headers } = response;
  const body = await response.text().catch(() => "");
  const retryAfterS = Math.max(Number(headers.get("retry-after")) || 0, 0);
  return { status, body, retryAfterS, problem: readProblem(status, headers.get("content-type"), body) };
}

// src/transport/explanation.ts
var asked = /* @__PURE__ */ new Set();
async function explain(line, target, token) {
  if (asked.has(line.address)) return null;
  asked.add(line.address);
  const response = await request(line, target, token);
  const answer = response && await readAnswer(response);
  asked.delete(line.address);
  return answer?.problem === void 0 ? null : answer;
}

// src/core/close_policy.ts
var RETRY_AFTER_S = 60;
var OWN_RETRY_AFTER_S = 300;
function delayMs(retryAfterS, isOwn) {
  return Math.floor(Math.min(retryAfterS, isOwn ? OWN_RETRY_AFTER_S : RETRY_AFTER_S) * 1e3);
}

// src/data/item_fields.ts
function bytesOf(text) {
  return encodeURIComponent(text).replace(/%../gu, "_").length;
}

// src/transport/operations_post.ts
var PATH = "/api/v1/sync/operations";
var MAX_BYTES = 32 * 1024;
function countThatFits(writes) {
  let bytes = 0;
  const end = writes.findIndex((write) => {
    bytes += bytesOf(JSON.stringify(operationOf(write)));
    return bytes > MAX_BYTES;
  });
  return end < 0 ? writes.length : end || 1;
}
function bodyOf(writes) {
  return JSON.stringify({ operations: writes.map(operationOf) });
}
function operationOf(write) {
  if (write.type !== "progress_update" && write.type !== "device_update") return write;
  const { type, id, ...fields } = write;
  return { ...fields, collection: type === "device_update" ? "devices" : "progress" };
}
function answersTo(writes, { status, body, retryAfterS, problem }, recognized) {
  if (status === 429 || status === 503) {
    const afterMs = delayMs(retryAfterS, problem !== void 0);
    return writes.map(({ id }) => ({
      type: "error",
      id,
      code: "try_again_later",
      ...afterMs > 0 && { retry_after_ms: afterMs }
    }));
  }
  if (status !== 200) return null;
  try {
    const { results } = JSON.parse(body);
    const messages = results.map((result, index) => recognized(messageOf(result, writes[index]?.id)));
    return results.length === writes.length && messages.every((message) => message !== null) ? messages : null;
  } catch {
    return null;
  }
}
function messageOf(result, id) {
  switch (result["status"]) {
    case "not_found":
      return { type: "error", id, code: "not_found" };
    case "refused":
      return { code: "refused", ...result, type: "error", id, message: result["detail"] };
    default:
      return { ...result, type: "ack", id };
  }
}

// src/transport/server_sent_events.ts
var LINE_END = /\r\n|\n|\r(?!$)/u;
var EventReader = class {
  #rest = "";
  #type = "";
  #data = [];
  #size = 0;
  /** How many characters of an incomplete event are held. */
  get size() {
    return this.#size + this.#rest.length;
  }
  /** The events that are completed by `text`, the next part of the answer. */
  feed(text) {
    this.#rest += text;
    if (!/[\r\n]/u.test(text)) return [];
    const lines = this.#rest.split(LINE_END);
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#take(line)).filter((event) => event !== null);
  }
  /** The event that `line` completes, or null. */
  #take(line) {
    const [name = ""] = line.split(":", 1);
    const value = line.slice(name.length + 1).replace(/^ /u, "");
    if (name === "event") this.#type = value;
    if (name === "data") {
      this.#data.push(value);
      this.#size += value.length;
    }
    if (line !== "") return null;
    const event = this.#data.length > 0 ? { type: this.#type || "message", data: this.#data.join("\n") } : null;
    this.#type = "";
    this.#data = [];
    this.#size = 0;
    return event;
  }
};

// src/transport/http_transport.ts
var POLLED = 1e3;
var TOKEN_ENDED = 4500;
var MAX_EVENT_LENGTH = 64 * 2 ** 20;
var WRITE_MS = 3e4;
var HttpTransport = class {
  #line;
  #token;
  #isPolling;
  #outgoing = [];
  #isWriting = false;
  constructor(line, token, isPolling) {
    this.#line = line;
    this.#token = token;
    this.#isPolling = isPolling;
  }
  open(target) {
    void this.#open(target);
  }
  /** Put it into the next request, together with all that is sent in the same turn. */
  send(message) {
    this.#outgoing.push(message);
    if (!this.#isWriting) void this.#writeAll();
  }
  drop() {
    this.#outgoing = [];
  }
  async #open(target) {
    const response = await request(this.#line, target, this.#token, { headers: { accept: "text/event-stream" } });
    if (response?.status === 200 && isEventStream(response)) {
      this.#line.put((core) => core.opened());
      await this.#read(response);
    } else {
      const answer = response && await readAnswer(response);
      this.#line.putLast((core) => core.openFailed(answer?.status, answer?.retryAfterS, answer?.problem));
    }
  }
  /** Read an answer to its end: with something left unread, its connection would serve no other request. */
  async #read(response) {
    const next = textsOf(response, this.#line);
    const events = new EventReader();
    let hasClosed = false;
    for (let text = await next(); text !== null && events.size < MAX_EVENT_LENGTH; text = await next()) {
      this.#line.put((core) => core.heard());
      for (const { type, data } of events.feed(text)) {
        if (type === "message") this.#line.put((core) => core.received(this.#line.recognized(parsed(data))));
        if (type === "close") {
          hasClosed = true;
          this.#end(codeIn(data));
        }
      }
    }
    if (!hasClosed) this.#end(BROKEN);
  }
  #end(code) {
    if (code === POLLED && this.#isPolling) this.#line.put((core) => core.polled());
    else this.#line.putLast((core) => core.closed(code));
  }
  async #writeAll() {
    this.#isWriting = true;
    await null;
    while (this.#outgoing.length > 0) await this.#write(this.#outgoing.splice(0, countThatFits(this.#outgoing)));
    this.#isWriting = false;
  }
  async #write(writes) {
    const timeout = setTimeout(() => this.#end(BROKEN), WRITE_MS);
    const response = await request(this.#line, PATH, this.#token, {
      method: "POST",
      body: bodyOf(writes),
      headers: { "content-type": "application/json" }
    });
    const answer = response && await readAnswer(response);
    clearTimeout(timeout);
    const messages = answer && answersTo(writes, answer, this.#line.recognized);
    for (const message of messages ?? []) this.#line.put((core) => core.received(message));
    if (messages === null) this.#end(answer?.status === 401 && answer.problem !== void 0 ? TOKEN_ENDED : BROKEN);
  }
};
function isEventStream({ headers }) {
  return /^text\/event-stream *(?:;|$)/iu.test(headers.get("content-type") ?? "");
}
function codeIn(data) {
  const { code } = parsed(data) ?? {};
  return Number.isInteger(code) ? code : BROKEN;
}
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
function textsOf(response, line) {
  const reader = typeof TextDecoder === "undefined" ? void 0 : response.body?.getReader?.();
  if (reader === void 0) {
    const whole = [response.text().catch(() => null)];
    return async () => whole.pop() ?? null;
  }
  const decoder = new TextDecoder();
  return async () => {
    if (line.isClosed) reader.cancel().catch(() => void 0);
    const { value } = await reader.read().catch(() => ({ value: void 0 }));
    return value === void 0 ? null : decoder.decode(value, { stream: true });
  };
}

// src/transport/probe.ts
var PROBE_MS = 1e4;
function probe(line, target, token) {
  let socket = null;
  let hasEnded = false;
  const drop = () => {
    hasEnded = true;
    clearTimeout(timeout);
    socket?.close(1e3);
  };
  const end = (isThere) => {
    if (hasEnded) return;
    drop();
    line.put((core) => core.probed(isThere));
  };
  const timeout = setTimeout(() => end(false), PROBE_MS);
  try {
    socket = line.newSocket(target, token);
    socket.onmessage = () => end(true);
    socket.onclose = () => end(false);
    socket.onerror = () => end(false);
  } catch {
    end(false);
  }
  return drop;
}
export {
  HttpTransport,
  explain,
  probe
};
