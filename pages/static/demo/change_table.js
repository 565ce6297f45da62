/** The latest changes as a table: a row for each, and for each device when it had it. */

import { titleOf } from "./catalogue.js";
import { duration } from "./changes.js";

const ROWS = 8;
const BAR_FULL_MS = 10_000;

export class ChangeTable {
  #devices;
  #body = document.getElementById("log");
  #empty = document.getElementById("log-empty");

  constructor(devices) {
    this.#devices = devices;
    const columns = devices.map(({ name }) =>
      Object.assign(document.createElement("th"), { scope: "col", textContent: name }),
    );
    document.getElementById("log-head").append(...columns);
  }

  /** @param {import("./changes.js").Changes} changes */
  render(changes) {
    this.#empty.hidden = changes.list.length > 0;
    this.#body.replaceChildren(...changes.list.slice(0, ROWS).map((change) => this.#row(change)));
  }

  #row(change) {
    const row = document.createElement("tr");
    const author = this.#devices.find((device) => device.id === change.device);
    const title = Object.assign(document.createElement("th"), { scope: "row" });
    const film = Object.assign(document.createElement("b"), { textContent: titleOf(change.contentId) });
    title.append(film, ` ${change.operation === "add" ? "added" : "removed"} on the ${author.name}`);
    row.append(title, cell("Revision", revisionOf(change), "revision"));
    for (const device of this.#devices) row.append(arrivalCell(change, device));
    return row;
  }
}

function revisionOf({ state, revision }) {
  if (state === "saved") return String(revision);
  return { waiting: "…", needless: "none needed", refused: "refused" }[state];
}

function arrivalCell(change, device) {
  const ms = change.arrivals.get(device.id);
  const isAuthor = change.device === device.id;
  if (ms === undefined) {
    if (change.state === "waiting" && isAuthor) return cell(device.name, "in the queue", "is-queued");
    const isExpected = change.state === "waiting" || change.state === "saved";
    return cell(device.name, isExpected ? "not yet" : "", "is-expected");
  }
  const made = cell(device.name, isAuthor ? `saved in ${duration(ms)}` : duration(ms), isAuthor ? "is-author" : "");
  const bar = Object.assign(document.createElement("i"), { className: "bar" });
  bar.style.inlineSize = `${barPercent(ms)}%`;
  made.append(bar);
  return made;
}

/** Logarithmic: 1 ms is a dot, ten seconds the whole width. */
function barPercent(ms) {
  return Math.round(Math.min(Math.max((Math.log10(Math.max(ms, 1)) / Math.log10(BAR_FULL_MS)) * 100, 3), 100));
}

function cell(column, text, className) {
  const element = Object.assign(document.createElement("td"), { textContent: text, className });
  element.dataset.column = column;
  return element;
}
