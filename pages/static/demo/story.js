/** One sentence about what is going on: who is offline, who disagrees with whom, and what came of it. */

import { titleOf } from "./catalogue.js";
import { setText } from "./device_card.js";

export class Story {
  #devices;
  #changes;
  #network;
  #element = document.getElementById("story");
  /** Content id -> the devices that disagreed on it, until all know the outcome. */
  #open = new Map();
  #outcome = "";
  /** Devices have put tonight into different orders, and not all know the outcome. */
  #isOrderOpen = false;
  #failure = "";

  constructor(devices, changes, network) {
    this.#devices = devices;
    this.#changes = changes;
    this.#network = network;
  }

  /** The user changed something: the last outcome is old news. */
  changed() {
    this.#outcome = "";
  }

  /** Something else came of what the user did. */
  tell(outcome) {
    this.#outcome = outcome;
  }

  fail(reason) {
    this.#failure = reason;
    this.render();
  }

  /**
   * The films on which devices disagree now (their unsettled changes end differently), and which devices do.
   * @returns {Map<string, Set<string>>}
   */
  disputes() {
    for (const contentId of new Set(this.#changes.list.map((change) => change.contentId))) {
      const unsettled = [...this.#changes.unsettled(contentId).values()];
      if (new Set(unsettled.map((change) => change.operation)).size > 1)
        this.#open.set(contentId, new Set(unsettled.map((change) => change.device)));
    }
    for (const contentId of this.#open.keys()) if (this.#isSettled(contentId)) this.#settle(contentId);
    return this.#open;
  }

  render() {
    this.#settleOrder();
    setText(
      this.#element,
      this.#failure || this.#dispute() || this.#orders() || this.#outcome || this.#cut() || this.#offline(),
    );
  }

  /** All is saved, and every device has come as far as any, and as far as the changes themselves. */
  #isSettled(contentId) {
    const answered = this.#changes.list.map((change) => change.revision ?? 0);
    const head = Math.max(...this.#devices.map((device) => device.revision), ...answered);
    return (
      this.#changes.unsettled(contentId).size === 0 &&
      this.#devices.every((device) => device.isStopped || device.revision === head)
    );
  }

  #settle(contentId) {
    this.#open.delete(contentId);
    const title = titleOf(contentId);
    const reached = this.#devices.find((device) => !device.isStopped) ?? this.#devices[0];
    this.#outcome = reached.has(contentId)
      ? `${title} stays on the list, everywhere: an add outlives a remove that had not seen it.`
      : `${title} is off the list, everywhere: the remove had seen every add.`;
  }

  #dispute() {
    const [contentId, parties] = this.#open.entries().next().value ?? [];
    if (contentId === undefined) return "";
    const verdict = (device) => `the ${device.name} ${device.has(contentId) ? "wants it" : "has removed it"}`;
    const views = this.#devices.filter((device) => parties.has(device.id)).map(verdict);
    return `They disagree about ${titleOf(contentId)}: ${views.join(", ")}. Bring all back and see.`;
  }

  /** The devices that have moved films of tonight, and cannot tell the service. */
  #movers() {
    return this.#devices.filter((device) => device.tonight.some((item) => item.pending));
  }

  #areOrdersEqual() {
    return new Set(this.#devices.map(orderOn)).size === 1;
  }

  #settleOrder() {
    const movers = this.#movers();
    if (movers.length > 1 && !this.#areOrdersEqual()) this.#isOrderOpen = true;
    if (!this.#isOrderOpen || movers.length > 0 || !this.#areOrdersEqual()) return;
    this.#isOrderOpen = false;
    this.#outcome = "Tonight has one order, everywhere: each move changes one film’s place, and both moves count.";
  }

  #orders() {
    const movers = this.#movers();
    if (!this.#isOrderOpen || movers.length < 2) return "";
    const names = movers.map((device) => `the ${device.name}`).join(" and ");
    return `Tonight is in another order on ${names}. Bring all back and see.`;
  }

  #cut() {
    return this.#network.isCut ? "The network is cut. Every device goes on; what it changes waits in its queue." : "";
  }

  #offline() {
    const offline = this.#devices.filter((device) => device.isStopped).map((device) => device.name);
    if (offline.length === 0)
      return "Films with a tick are on the list. Press one with a plus to add it, on any device.";
    return `Offline: ${offline.join(", ")}. What changes there waits; what it misses comes when it is back.`;
  }
}

/** The order of tonight on a device, to be compared. */
function orderOn(device) {
  return device.tonight.map((item) => item.content_id).join(" ");
}
