/** The films of tonight on one device, in order: moved by dragging, or with Shift and an arrow key; played when pressed. */

import { titleOf } from "./catalogue.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1 };

export class OrderList {
  #list;
  #device;
  #onMove;
  /** Content id -> its row. */
  #rows = new Map();
  /** The row that follows the pointer; null: none does. */
  #dragged = null;

  /** `list`: an `ol`; `onMove(contentId, index)`: the user wants a film there. */
  constructor(list, device, onMove) {
    this.#list = list;
    this.#device = device;
    this.#onMove = onMove;
    list.addEventListener("click", (event) => this.#onClick(event));
    list.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("focusin", ({ target }) => this.#rove(target));
    list.addEventListener("pointerdown", (event) => this.#begin(event));
    list.addEventListener("pointermove", (event) => this.#drag(event));
    list.addEventListener("pointerup", () => this.#drop());
    list.addEventListener("pointercancel", () => this.#letGo());
  }

  /** Show the list as the device has it, but for what the user drags at the moment. */
  render() {
    if (this.#dragged !== null) return;
    const items = this.#device.tonight;
    const ids = new Set(items.map(({ content_id }) => content_id));
    for (const [id, row] of this.#rows) if (!ids.has(id)) this.#forget(id, row);
    items.forEach(({ content_id, pending }, index) => {
      const row = this.#rows.get(content_id) ?? this.#added(content_id);
      row.classList.toggle("is-pending", pending);
      const label = `${titleOf(content_id)}, ${index + 1} of ${items.length}`;
      if (row.firstElementChild.ariaLabel !== label) row.firstElementChild.ariaLabel = label;
      this.#putAt(row, index);
    });
    const buttons = Array.from(this.#list.querySelectorAll("button"));
    if (!buttons.some((button) => button.tabIndex === 0)) this.#rove(buttons[0]);
  }

  #added(contentId) {
    const row = document.getElementById("order-row").content.firstElementChild.cloneNode(true);
    row.dataset.film = contentId;
    row.querySelector(".title").textContent = titleOf(contentId);
    this.#rows.set(contentId, row);
    return row;
  }

  #forget(id, row) {
    this.#rows.delete(id);
    row.remove();
  }

  /** Where it is already it stays: what is moved loses the focus. */
  #putAt(row, index) {
    const there = this.#list.children[index] ?? null;
    if (there !== row) this.#putBefore(row, there);
  }

  #putBefore(row, next) {
    const focused = document.activeElement;
    this.#list.insertBefore(row, next);
    if (this.#list.contains(focused)) focused.focus({ preventScroll: true });
  }

  #indexOf(row) {
    return Array.from(this.#list.children).indexOf(row);
  }

  /** The Tab key stops once at the list, where the focus was last. */
  #rove(button) {
    for (const each of this.#list.querySelectorAll("button")) each.tabIndex = each === button ? 0 : -1;
  }

  /** By keyboard: what the pointer does is known when it is let go. */
  #onClick({ target, detail }) {
    const row = target.closest("li");
    if (detail === 0 && row !== null) this.#device.playback.play(row.dataset.film);
  }

  #onKey(event) {
    const step = STEPS[event.key];
    const row = event.target.closest("li");
    if (step === undefined || row === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const { tonight } = this.#device; // which is ahead of the rows where keys are pressed fast
    const index = tonight.findIndex((item) => item.content_id === row.dataset.film) + step;
    const next = this.#list.children[index];
    if (next === undefined) return; // at the edge the key scrolls, as it does elsewhere
    event.preventDefault();
    if (event.shiftKey) this.#onMove(row.dataset.film, index);
    else next.firstElementChild.focus();
  }

  #begin(event) {
    const row = event.target.closest("li");
    if (row === null || event.button !== 0) return;
    this.#list.setPointerCapture(event.pointerId); // of the list: a row that is moved would lose it
    row.firstElementChild.focus({ preventScroll: true });
    this.#dragged = row;
    row.classList.add("is-dragged");
    event.preventDefault();
  }

  #drag({ clientY }) {
    if (this.#dragged === null) return;
    const others = Array.from(this.#list.children).filter((row) => row !== this.#dragged);
    const next = others.find((row) => middleOf(row) > clientY) ?? null;
    if (next !== this.#dragged.nextElementSibling) this.#putBefore(this.#dragged, next);
  }

  #drop() {
    const row = this.#dragged;
    if (row === null) return;
    const [contentId, index] = [row.dataset.film, this.#indexOf(row)];
    this.#letGo();
    if (this.#device.tonight[index]?.content_id === contentId) this.#device.playback.play(contentId);
    else this.#onMove(contentId, index);
  }

  /** Show the device's order again. */
  #letGo() {
    this.#dragged?.classList.remove("is-dragged");
    this.#dragged = null;
    this.render();
  }
}

function middleOf(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}
