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

// src/transport/requests.ts
var LISTS = "/api/v1/sync/lists";
var DEVICES = "/api/v1/devices";
var TIMEOUT_MS = 3e4;
var TOKEN_TIMEOUT_MS = 2e4;
async function lists(asking) {
  return (await said("lists", asking, LISTS, {})).lists;
}
function rename(asking, list, name) {
  return said("name", asking, `${LISTS}/${list}`, withBody("PUT", { name }));
}
async function remove(asking, list) {
  const { status, problem } = await answered(asking, `${LISTS}/${list}`, { method: "DELETE" }, [204, 404]);
  if (status === 404 && problem === void 0) throw failed("answered with status 404", status);
}
async function send(asking, target, commandType, payload) {
  const command = { target_device_id: target, command_type: commandType, payload: payload ?? void 0 };
  await said("status", asking, `${DEVICES}/commands`, withBody("POST", command));
}
async function handoff(asking, target, contentId) {
  const wanted = { target_device_id: target, content_id: contentId };
  const name = "position_seconds";
  return (await said(name, asking, `${DEVICES}/handoff`, withBody("POST", wanted)))[name];
}
function withBody(method, fields) {
  return { method, body: JSON.stringify(fields), headers: { "content-type": "application/json" } };
}
async function said(field, asking, target, options) {
  const { status, body } = await answered(asking, target, options, [200, 201]);
  try {
    const value = JSON.parse(body);
    if (field in value) return value;
  } catch {
  }
  throw failed("the answer is not the service's", status);
}
async function answered({ service, session, readToken, faultIn }, target, options, wanted) {
  await session.shown;
  if (session.state === "stopped") throw failed("this device is offline, until the app connects");
  const text = await inTime(service.getToken);
  if (typeof text !== "string") throw failed("no token: getToken has none now, or does not answer");
  const token = readToken(text.trim());
  const fault = faultIn(token, session.userId);
  if (fault !== null) throw failed(`no token: ${fault.reason}`);
  const abort = typeof AbortController === "undefined" ? null : new AbortController();
  const timeout = setTimeout(() => abort?.abort(), TIMEOUT_MS);
  try {
    const line = { address: service.address, signal: abort?.signal ?? null };
    const response = await request(line, target, token.value, options);
    if (response === null) throw failed("the service was not reached");
    const answer = await readAnswer(response);
    if (!wanted.includes(answer.status)) throw refused(answer);
    return answer;
  } finally {
    clearTimeout(timeout);
  }
}
async function inTime(getToken) {
  let timeout;
  const silence = new Promise((resolve) => {
    timeout = setTimeout(resolve, TOKEN_TIMEOUT_MS, null);
  });
  try {
    return await Promise.race([getToken(), silence]);
  } catch (error) {
    throw failed(`no token: getToken failed: ${error instanceof Error ? error.name : typeof error}`);
  } finally {
    clearTimeout(timeout);
  }
}
function refused({ status, problem, body }) {
  if (problem === void 0) return failed(`answered with status ${status}`, status);
  const { code } = JSON.parse(body);
  return failed(problem, status, typeof code === "string" ? code : null);
}
function failed(message, status = null, code = null) {
  return Object.assign(new Error(message), { status, code });
}
export {
  handoff,
  lists,
  remove,
  rename,
  send
};
