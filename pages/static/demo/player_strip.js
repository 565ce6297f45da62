/** A device's player: play, pause, seek; and hand over to another device, by a button or by dragging the strip onto it. */

import { titleOf } from "./catalogue.js";
import { FILM_S } from "./playback.js";

const TICK_MS = 1000;

export class PlayerStrip {
  #strip;
  #device;
  #others;
  #onHandOver;
  #part;
  /** The card below the pointer that drags the strip; undefined: nobody drags; null: there is none, or it is this one. */
  #target;
  /** Where it was taken. @type {{ x: number, y: number }} */
  #grip = { x: 0, y: 0 };

  /** `others`: the devices to hand over to; `onHandOver(deviceId)`: the user wants to go on there. */
  constructor(strip, device, { others, onHandOver }) {
    this.#strip = strip;
    this.#device = device;
    this.#others = others;
    this.#onHandOver = onHandOver;
    this.#part = (selector) => strip.querySelector(selector);
    strip.setAttribute("aria-label", `Player of the ${device.name}`);
    this.#part(".play").addEventListener("click", () => this.#toggle());
    this.#part("input").max = FILM_S;
    this.#part("input").addEventListener("change", ({ target }) => device.playback.seek(Number(target.value)));
    this.#part(".targets").append(...others.map((other) => this.#targetButton(other)));
    const handle = this.#part(".playing");
    handle.addEventListener("pointerdown", (event) => this.#begin(event));
    handle.addEventListener("pointermove", (event) => this.#drag(event));
    handle.addEventListener("pointerup", () => this.#drop());
    handle.addEventListener("pointercancel", () => this.#aim(undefined));
    device.playback.addEventListener("look", () => this.render());
    setInterval(() => this.render(), TICK_MS);
  }

  render() {
    const { playback } = this.#device;
    const { contentId, isPlaying, playedOn } = playback;
    this.#strip.hidden = contentId === null;
    if (contentId === null) return;
    const title = titleOf(contentId);
    const other = this.#others.find(({ id }) => id === playedOn);
    set(this.#part(".film"), "textContent", title);
    set(this.#part(".where"), "textContent", isPlaying ? "Playing here" : whereText(playedOn, other));
    set(this.#part(".play"), "ariaLabel", `${isPlaying ? "Pause" : "Play"} ${title} on the ${this.#device.name}`);
    this.#part(".play").classList.toggle("is-playing", isPlaying);
    const positionS = Math.floor(playback.positionS);
    const slider = this.#part("input");
    set(slider, "ariaLabel", `Position in ${title}`);
    if (!slider.matches(":active")) set(slider, "value", String(positionS)); // the user is about to seek
    slider.setAttribute("aria-valuetext", `${clock(positionS)} of ${clock(FILM_S)}`);
    set(this.#part(".clock"), "textContent", clock(positionS));
  }

  #toggle() {
    const { playback } = this.#device;
    if (playback.isPlaying) playback.pause();
    else playback.play(playback.contentId);
  }

  #targetButton(other) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: other.name, ariaLabel: `Continue on the ${other.name}` });
    button.addEventListener("click", () => this.#onHandOver(other.id));
    return button;
  }

  #begin(event) {
    if (event.button !== 0 || event.target.closest("button") !== null) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.#grip = { x: event.clientX, y: event.clientY };
    this.#aim(null);
  }

  #drag({ clientX, clientY }) {
    if (this.#target === undefined) return;
    this.#strip.style.translate = `${clientX - this.#grip.x}px ${clientY - this.#grip.y}px`;
    const card = document.elementFromPoint(clientX, clientY)?.closest(".device") ?? null;
    this.#aim(card?.contains(this.#strip) ? null : card);
  }

  #drop() {
    const card = this.#target;
    this.#aim(undefined);
    if (card) this.#onHandOver(card.id.replace("device-", ""));
  }

  #aim(card) {
    this.#target?.classList.remove("is-target");
    card?.classList.add("is-target");
    this.#strip.classList.toggle("is-dragged", card !== undefined);
    if (card === undefined) this.#strip.style.translate = "";
    this.#target = card;
  }
}

/** `playedOn`: null: nowhere; `other`: the device of this page that it is, if it is one. */
function whereText(playedOn, other) {
  if (playedOn === null) return "Paused";
  return other === undefined ? "Playing elsewhere" : `Playing on the ${other.name}`;
}

/** @returns {string} `1:02:03` */
export function clock(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return [hours, ...[minutes, rest].map((part) => String(part).padStart(2, "0"))].join(":");
}

/** Leave what is equal alone: assistive technology reads what was written again. */
function set(element, property, value) {
  if (element[property] !== value) element[property] = value;
}
