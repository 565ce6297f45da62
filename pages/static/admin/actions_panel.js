/** What an operator does to all nodes at once: revoke a token, show a notice. */

import { answered, count, part, tell } from "./dom.js";

export class ActionsPanel {
  #api = null;

  constructor() {
    part("revoke").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#revoke();
    });
    part("notice").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#notify();
    });
  }

  /** Ask `api` from now on. */
  use(api) {
    this.#api = api;
  }

  async #revoke() {
    const tokenId = part("token-id").value.trim();
    await tell(part("revoke-summary"), async () => {
      const done = await this.#api.revoke(tokenId);
      part("revoke").reset();
      return `Token ${tokenId} is refused from now on, ${count(done.disconnected, "connection")} ended.${late(done)}`;
    });
  }

  async #notify() {
    await tell(part("notice-summary"), async () => {
      const done = await this.#api.notice(part("message").value.trim(), part("level").value);
      part("notice").reset();
      return `Sent to ${count(done.notified, "connection")}.${answered(done)}`;
    });
  }
}

/** Who has answered; of a revocation the others learn by themselves. */
function late(done) {
  if (done.nodes === done.known) return answered(done);
  return ` Only ${done.nodes} of ${done.known} nodes answered: the others refuse it within seconds.`;
}
