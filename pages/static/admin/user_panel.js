/** A user's connections on this node, and how to end them. */

const part = (id) => document.getElementById(id);

export class UserPanel {
  #api = null;
  #userId = null;
  /** As they are shown. */
  #connections = [];

  constructor() {
    part("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#userId = part("user").value.trim();
      void this.#show();
    });
    part("disconnect-all").addEventListener("click", () => this.#disconnect());
  }

  /** Ask `api` from now on. */
  use(api) {
    this.#api = api;
  }

  async #show() {
    this.#render([]); // nobody shall disconnect what is another user's
    await this.#tell(async () => {
      const { connections } = await this.#api.user(this.#userId);
      this.#render(connections);
      return `${count(connections.length, "connection")} to this node.`;
    });
  }

  async #disconnect(deviceId) {
    const ended = this.#connections.filter(({ device_id }) => deviceId === undefined || device_id === deviceId);
    const endedIds = new Set(ended.map(({ connection_id }) => connection_id));
    await this.#tell(async () => {
      const { disconnected } = await this.#api.disconnect(this.#userId, deviceId);
      const { connections } = await this.#api.user(this.#userId); // those just ended may still be on their way out
      this.#render(connections.filter(({ connection_id }) => !endedIds.has(connection_id)));
      return `${count(disconnected, "connection")} ended. Devices come back by themselves while their tokens are good.`;
    });
  }

  /** Say what `action` answers with, or why it failed. */
  async #tell(action) {
    try {
      part("user-summary").textContent = await action();
    } catch (error) {
      part("user-summary").textContent = error.message;
    }
  }

  #render(connections) {
    this.#connections = connections;
    const table = part("connections-table");
    table.hidden = connections.length === 0;
    part("disconnect-all").hidden = table.hidden;
    table.tBodies[0].replaceChildren(...connections.map((connection) => this.#row(connection)));
  }

  #row({ device_id, connected_at }) {
    const row = document.createElement("tr");
    const device = make("th", { scope: "row", textContent: device_id });
    const since = make("td", { textContent: new Date(connected_at).toLocaleString() });
    const button = make("button", { type: "button", className: "action", textContent: "Disconnect" });
    button.setAttribute("aria-label", `Disconnect ${device_id}`);
    button.addEventListener("click", () => this.#disconnect(device_id));
    const action = make("td", {});
    action.append(button);
    row.append(device, since, action);
    return row;
  }
}

function make(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
