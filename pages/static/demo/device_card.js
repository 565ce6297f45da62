/** A device as people see it: its state, its shelf of films (ticked: on the list), its numbers. */

import { FILMS, isFilm } from "./catalogue.js";
import { OrderList } from "./order_list.js";
import { PlayerStrip } from "./player_strip.js";
import { posterOf } from "./posters.js";

const STATES = {
  signed_out: ["off", "Starting"],
  stopped: ["off", "Offline"],
  waiting: ["trouble", "No connection"],
  token: ["busy", "Connecting"],
  opening: ["busy", "Connecting"],
  resuming: ["busy", "Catching up"],
  live: ["live", "Live"],
};

const FLASH_MS = 2600;

export class DeviceCard {
  element;
  #device;
  #buttons = new Map();
  #part;
  #order;
  #player;

  /**
   * `icon`: a path on 24 × 24; `onPress(contentId)`: the user wants a film on or off the list;
   * `onMove(contentId, index)`: the user wants a film of tonight there; `others`: the other devices; `onHandOver(deviceId)`:
   * the user wants to go on there with what is played here.
   */
  constructor(device, icon, { onPress, onMove, others, onHandOver }) {
    this.#device = device;
    const article = document.getElementById("device-card").content.firstElementChild.cloneNode(true);
    this.element = article;
    this.#part = (selector) => article.querySelector(selector);
    article.id = `device-${device.id}`;
    article.setAttribute("aria-labelledby", `${article.id}-name`);
    this.#part("h2").id = `${article.id}-name`;
    this.#part("h2").textContent = device.name;
    this.#part(".device-icon path").setAttribute("d", icon);
    this.#part(".switch span").textContent = `${device.name} is online`;
    this.#part(".switch input").addEventListener("change", ({ target }) =>
      target.checked ? device.goOnline() : device.goOffline(),
    );
    this.#part(".shelf").setAttribute("aria-label", `Films on the ${device.name}`);
    for (const film of FILMS) this.#part(".shelf").append(this.#shelved(film, onPress));
    this.#part(".tonight h3").id = `${article.id}-tonight`;
    this.#part(".tonight ol").setAttribute("aria-labelledby", `${article.id}-tonight`);
    this.#order = new OrderList(this.#part(".tonight ol"), device, onMove);
    this.#player = new PlayerStrip(this.#part(".player"), device, { others, onHandOver });
  }

  /** Show the device as it is now. `disputes`: content id -> the devices that disagree on it. */
  render(disputes) {
    const { state, items, revision, queueLength, isStopped } = this.#device;
    const [kind, text] = STATES[state];
    this.element.dataset.state = kind;
    setText(this.#part(".state"), text);
    this.#part(".switch input").checked = !isStopped;
    setText(this.#part(".revision"), revision);
    setText(this.#part(".queue"), queueLength);
    this.#part(".queue").classList.toggle("is-waiting", queueLength > 0);
    const strangers = [...items.keys()].filter((id) => !isFilm(id)).length;
    setText(this.#part(".count"), strangers === 0 ? items.size : `${items.size - strangers} + ${strangers} other`);
    this.#part(".tonight").hidden = this.#device.tonight.length === 0;
    this.#order.render();
    this.#player.render();
    for (const [id, button] of this.#buttons) {
      button.setAttribute("aria-pressed", String(items.has(id)));
      button.classList.toggle("is-pending", items.get(id) === true);
      button.classList.toggle("is-disputed", disputes.get(id)?.has(this.#device.id) ?? false);
    }
  }

  /** Show for a moment that a film came or went; `text`: how long that took. */
  flash(contentId, text) {
    const button = this.#buttons.get(contentId);
    if (button === undefined) return;
    const label = button.querySelector(".flash");
    label.textContent = text;
    button.classList.remove("has-arrived");
    void button.offsetWidth; // restart the animation
    button.classList.add("has-arrived");
    clearTimeout(button.flashTimer);
    button.flashTimer = setTimeout(() => button.classList.remove("has-arrived"), FLASH_MS);
  }

  #shelved(film, onPress) {
    const button = document.getElementById("poster-button").content.firstElementChild.cloneNode(true);
    button.prepend(posterOf(film));
    button.setAttribute("aria-label", film.title);
    button.title = film.title;
    button.dataset.content = film.id;
    button.addEventListener("click", () => onPress(film.id));
    this.#buttons.set(film.id, button);
    return button;
  }
}

/** Leave equal text alone: assistive technology reads what was written again. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}
