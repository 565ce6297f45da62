/** A user's connections to all nodes, and how to end them. */

import { answered, button, count, part, row, tell } from "./dom.js";

export class UserPanel {
  #api = null;
  #userId = null;
  /** As they are shown. */
  #connections = [];

  constructor() {
    part("find").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.show(part("user").value.replaceAll(/^[ \t]+|[ \t]+$/gu, "")); // other spaces may belong to an id
    });
    part("disconnect-all").addEventListener("click", () => this.#disconnect());
  }

  /** Ask `api` from now on. */
  use(api) {
    this.#api = api;
  }

  async show(userId) {
    this.#userId = userId;
    part("user").value = userId;
    this.#render([]); // nobody shall disconnect what is another user's
    await tell(part("user-summary"), async () => {
      const found = await this.#api.user(userId);
      this.#render(found.connections);
      const rest = found.left_out === 0 ? "" : ` ${found.left_out.toLocaleString("en")} more are not listed.`;
      return `${count(found.connections.length, "connection")}.${rest}${answered(found)}`;
    });
  }

  async #disconnect(deviceId) {
    const ended = this.#connections.filter(({ device_id }) => deviceId === undefined || device_id === deviceId);
    const endedIds = new Set(ended.map(({ connection_id }) => connection_id));
    await tell(part("user-summary"), async () => {
      const done = await this.#api.disconnect(this.#userId, deviceId);
      const { connections } = await this.#api.user(this.#userId); // those just ended may still be on their way out
      this.#render(connections.filter(({ connection_id }) => !endedIds.has(connection_id)));
      const back = "Devices come back by themselves while their tokens are good.";
      return `${count(done.disconnected, "connection")} ended.${answered(done)} ${back}`;
    });
  }

  #render(connections) {
    this.#connections = connections;
    const table = part("connections-table");
    table.hidden = connections.length === 0;
    part("disconnect-all").hidden = table.hidden;
    table.tBodies[0].replaceChildren(...connections.map((connection) => this.#row(connection)));
  }

  #row({ device_id, connected_at, node }) {
    const end = button("Disconnect", `Disconnect ${device_id}`, () => this.#disconnect(device_id));
    return row(part("connections-table"), [device_id, node, new Date(connected_at).toLocaleString(), end]);
  }
}
