/** All nodes, and who is connected to one of them. */

import { digits } from "./chart.js";
import { button, count, make, part, row, tell } from "./dom.js";

export class NodesPanel {
  #api = null;
  #showUser;
  /** What the table shows, to leave it alone while nothing of it changes: a button may have the focus. */
  #shown = "";

  /** @param {(userId: string) => void} showUser called with a user of a node */
  constructor(showUser) {
    this.#showUser = showUser;
  }

  /** Ask `api` from now on. */
  use(api) {
    this.#api = api;
  }

  /** @param {object[]} nodes as the stats list them */
  render(nodes) {
    const rows = nodes.map((node) => [
      name(node),
      node.version,
      upFor(node),
      node.connections,
      node.users,
      state(node),
    ]);
    const shown = JSON.stringify(rows);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const buttons = new Map(
      nodes.map(({ node }) => [node, button("Users", `Users of ${node}`, () => this.#list(node))]),
    );
    const focused = document.activeElement?.ariaLabel;
    const table = part("nodes-table");
    table.tBodies[0].replaceChildren(
      ...nodes.map((node, index) => {
        const [heading, version, up, connections, users, { text, isIll }] = rows[index];
        const verdict = make("span", { className: `verdict ${isIll ? "is-ill" : "is-well"}`, textContent: text });
        return row(table, [heading, version, up, digits(connections), digits(users), verdict, buttons.get(node.node)]);
      }),
    );
    for (const each of buttons.values()) if (each.ariaLabel === focused) each.focus();
  }

  async #list(node) {
    const table = part("node-users-table");
    table.hidden = true;
    part("node-users").hidden = false;
    part("node-users-title").textContent = `Users of node ${node}`;
    await tell(part("node-users-summary"), async () => {
      const { users, left_out: leftOut } = await this.#api.node(node);
      table.tBodies[0].replaceChildren(
        ...users.map(({ user_id: userId, connections }) =>
          row(table, [userId, digits(connections), button("Show", `Show ${userId}`, () => this.#showUser(userId))]),
        ),
      );
      table.hidden = users.length === 0;
      const rest = leftOut === 0 ? "" : ` ${leftOut.toLocaleString("en")} more are not listed.`;
      return `${count(users.length, "user")}, longest connected first.${rest}`;
    });
  }
}

function name({ node, self }) {
  return self ? `${node} (this one)` : node;
}

function state({ figures, heard_s: heardS }) {
  if (figures === null) return { text: `No answer, heard of ${Math.round(heardS)} s ago`, isIll: true };
  const problems = [figures.journal.problem, figures.bus.problem].filter((problem) => problem !== null);
  return { text: problems.join("; ") || "Works", isIll: problems.length > 0 };
}

function upFor({ uptime_s: seconds }) {
  if (seconds < 120) return "under 2 min";
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
