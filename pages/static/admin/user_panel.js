/** A user's connections to all nodes, and how to end them; the user's devices and collections, as the database has them. */

import { digits } from "./chart.js";
import { answered, button, count, make, part, row, tell } from "./dom.js";

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
    part("kept").hidden = true;
    await tell(part("user-summary"), async () => {
      const found = await this.#api.user(userId);
      this.#render(found.connections);
      renderKept(found);
      const rest = found.left_out === 0 ? "" : ` ${found.left_out.toLocaleString("en")} more are not listed.`;
      const unread = isKept(found) ? "" : " The database did not answer: devices and collections are not shown.";
      return `${count(found.connections.length, "connection")}.${rest}${answered(found)}${unread}`;
    });
  }

  async #disconnect(deviceId) {
    const ended = this.#connections.filter(({ device_id }) => deviceId === undefined || device_id === deviceId);
    const endedIds = new Set(ended.map(({ connection_id }) => connection_id));
    await tell(part("user-summary"), async () => {
      const done = await this.#api.disconnect(this.#userId, deviceId);
      const found = await this.#api.user(this.#userId); // those just ended may still be on their way out
      renderKept(found);
      this.#render(found.connections.filter(({ connection_id }) => !endedIds.has(connection_id)));
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

/** Whether the database has said what it has of the user. */
function isKept({ devices, collections }) {
  return devices !== undefined && collections !== undefined;
}

function renderKept(found) {
  part("kept").hidden = !isKept(found);
  if (!isKept(found)) return;
  fill("devices-table", found.devices.map(deviceCells));
  fill(
    "collections-table",
    found.collections.map(({ collection, name, revision }) => [named(collection, name), digits(revision)]),
  );
}

function deviceCells({ device_id, device_name, nodes, last_seen }) {
  const text = nodes.length === 0 ? "Offline" : `Online: ${nodes.join(", ")}`;
  const state = make("span", { className: nodes.length === 0 ? "quiet" : "verdict is-well", textContent: text });
  return [named(device_id, device_name), state, new Date(last_seen).toLocaleString()];
}

/** What it is called, with what people call it. */
function named(id, name) {
  return name === undefined || name === id ? id : `${id} (${name})`;
}

function fill(id, rows) {
  const table = part(id);
  table.tBodies[0].replaceChildren(...rows.map((cells) => row(table, cells)));
}
