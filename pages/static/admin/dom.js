/** Small things that the panels of this page share. */

/** @returns {HTMLElement} the page's element of this id */
export const part = (id) => document.getElementById(id);

/** An HTML element. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** A row for `table`: the first cell is its heading, the others know that of their column, for narrow screens. */
export function row(table, [heading, ...cells]) {
  const [, ...columns] = table.tHead.rows[0].cells;
  const tds = cells.map((cell, index) => {
    const td = make("td", {}, cell);
    td.dataset.column = columns[index].textContent;
    return td;
  });
  return make("tr", {}, make("th", { scope: "row" }, heading), ...tds);
}

/** A button that does `act`; `label` says what exactly, where `text` stands for several. */
export function button(text, label, act) {
  const element = make("button", { type: "button", className: "action", textContent: text, ariaLabel: label });
  element.addEventListener("click", act);
  return element;
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Who has answered a call, in words. */
export function answered({ nodes, known }) {
  if (known === 1) return "";
  if (nodes === known) return ` ${nodes} of ${known} nodes answered.`;
  return ` Only ${nodes} of ${known} nodes answered: try again.`;
}

/** Say in `element` what `action` answers with, or why it failed. */
export async function tell(element, action) {
  try {
    element.textContent = await action();
    element.classList.remove("is-trouble");
  } catch (error) {
    element.textContent = error.message;
    element.classList.add("is-trouble");
  }
}
