/** What is written, relayed and read of collections, by kind; who is online, and what devices have each other do. */

import { digits } from "./chart.js";
import { part, row } from "./dom.js";

export class CollectionsPanel {
  /** What the table shows, to leave it alone while nothing of it changes. */
  #shown = "";

  /** @param {object[]} figures of the nodes that answer; those of an older release say less */
  render(figures) {
    const devices = figures.map((node) => node.devices ?? {});
    part("devices-online").textContent = digits(sum(devices, ({ online }) => online));
    part("presence-waiting").textContent = digits(sum(devices, ({ waiting }) => waiting));
    part("leases-lost").textContent = digits(sum(devices, ({ leases_lost }) => leases_lost));
    const sent = sum(devices, ({ commands }) => commands?.sent);
    part("commands-sent").textContent = digits(sent);
    part("commands-failed").textContent = digits(sum(devices, ({ commands }) => all(commands)) - sent);
    part("handoffs").textContent = digits(sum(devices, ({ handoffs }) => handoffs?.sent));
    this.#renderKinds(figures.map((node) => node.collections ?? {}));
  }

  #renderKinds(collections) {
    const kinds = [...new Set(collections.flatMap((each) => Object.keys(each)))];
    const rows = kinds.map((kind) => {
      const counted = collections.map((each) => each[kind] ?? {});
      const refused = sum(counted, ({ writes }) => writes?.refused);
      const written = sum(counted, ({ writes }) => all(writes)) - refused;
      const [relayed, read] = [sum(counted, (each) => each.updates_relayed), sum(counted, ({ reads }) => reads)];
      return [kind, ...[written, refused, relayed, read].map(digits)];
    });
    const shown = JSON.stringify(rows);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const table = part("kinds-table");
    table.tBodies[0].replaceChildren(...rows.map((cells) => row(table, cells)));
  }
}

function sum(counted, figure) {
  return counted.reduce((total, each) => total + (figure(each) ?? 0), 0);
}

function all(counts = {}) {
  return sum(Object.values(counts), (count) => count);
}
