// The client of syncd. Built from clients/javascript/src: change it there.

// src/problem.ts
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

// src/carrying.ts
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

// src/token.ts
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

// src/list_requests.ts
var PATH = "/api/v1/sync/lists";
var TIMEOUT_MS = 3e4;
async function lists(asking) {
  const { body } = await answered(asking, PATH, {}, [200]);
  return JSON.parse(body).lists;
}
async function rename(asking, list, name) {
  const headers = { "content-type": "application/json" };
  const options = { method: "PUT", body: JSON.stringify({ name }), headers };
  const { body } = await answered(asking, `${PATH}/${list}`, options, [200, 201]);
  return JSON.parse(body);
}
async function remove(asking, list) {
  const { status, problem } = await answered(asking, `${PATH}/${list}`, { method: "DELETE" }, [204, 404]);
  if (status === 404 && problem === void 0) throw new Error("answered with status 404");
}
async function answered({ service: { address, getToken }, userId }, target, options, wanted) {
  const token = await getToken();
  if (typeof token !== "string") throw new Error("no token: getToken has none now");
  if ((readToken(token).sub ?? userId) !== userId) throw new Error("no token: it is another user's");
  const abort = typeof AbortController === "undefined" ? null : new AbortController();
  const timeout = setTimeout(() => abort?.abort(), TIMEOUT_MS);
  try {
    const response = await request({ address, signal: abort?.signal ?? null }, target, token.trim(), options);
    if (response === null) throw new Error("the service was not reached");
    const answer = await readAnswer(response);
    if (!wanted.includes(answer.status)) throw new Error(answer.problem ?? `answered with status ${answer.status}`);
    return answer;
  } finally {
    clearTimeout(timeout);
  }
}
export {
  lists,
  remove,
  rename
};
