/** The operators' part of the HTTP API, as this page uses it. */

/** The service did not do what was asked; `status` is null if there was no answer. */
export class ApiError extends Error {
  constructor(message, { status = null, cause } = {}) {
    super(message, { cause });
    this.status = status;
  }

  /** Whether another token is needed. */
  get isAboutToken() {
    return this.status === 401 || this.status === 403;
  }
}

export class AdminApi {
  #token;

  constructor(token) {
    this.#token = token;
  }

  stats() {
    return this.#ask("GET", "api/v1/admin/stats");
  }

  user(userId) {
    return this.#ask("GET", `api/v1/admin/users?${new URLSearchParams({ user_id: userId })}`);
  }

  /** Who is connected to a node. */
  node(name) {
    return this.#ask("GET", `api/v1/admin/node?${new URLSearchParams({ name })}`);
  }

  /** Without `deviceId`: all devices of the user. */
  disconnect(userId, deviceId) {
    return this.#ask("POST", "api/v1/admin/disconnect", { user_id: userId, device_id: deviceId });
  }

  revoke(tokenId) {
    return this.#ask("POST", "api/v1/admin/revoke", { token_id: tokenId });
  }

  /** Show every device a line of text. */
  notice(message, level) {
    return this.#ask("POST", "api/v1/admin/notice", { message, level });
  }

  async #ask(method, path, body) {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
    } catch (error) {
      throw new ApiError("The daemon does not answer.", { cause: error });
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok)
      throw new ApiError(told.detail ?? `The daemon answered ${answer.status}.`, { status: answer.status });
    return told;
  }
}
