/** A line chart of the last two minutes, drawn into a figure. */

import { WINDOW_MS } from "./series.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [600, 180];
const GRID_LINES = 4;

export class Chart {
  #lines;
  #scale = html("div", { className: "scale", ariaHidden: "true" });

  /**
   * @param {HTMLElement} figure
   * @param {{ name: string, series: import("./series.js").Series }[]} lines the first is filled below
   */
  constructor(figure, lines) {
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (let line = 0; line <= GRID_LINES; line += 1) {
      const y = (line / GRID_LINES) * HEIGHT;
      svg.append(draw("path", { class: "grid", d: `M0 ${y}H${WIDTH}` }));
    }
    const area = lines.length === 1 ? draw("path", { class: "area" }) : null;
    if (area !== null) svg.append(area);
    const legend = html("dl", { className: "legend" });
    this.#lines = lines.map(({ name, series }, index) => {
      const path = draw("path", { class: `line line-${index}` });
      svg.append(path);
      const value = html("dd", {});
      const entry = html("div", { className: `line-${index}` });
      entry.append(html("dt", { textContent: name }), value);
      legend.append(entry);
      return { series, path, value, area };
    });
    const plot = html("div", { className: "plot" });
    plot.append(svg, this.#scale);
    const times = html("div", { className: "times", ariaHidden: "true" });
    times.append(...["2 minutes ago", "1 minute ago", "now"].map((text) => html("span", { textContent: text })));
    figure.querySelector("figcaption").append(legend);
    figure.append(plot, times);
  }

  /** Draw what the series hold at `nowMs`. */
  render(nowMs) {
    const top = niceTop(Math.max(...this.#lines.map(({ series }) => series.greatest)));
    for (const { series, path, value, area } of this.#lines) {
      const points = series.points.map((point) => [
        WIDTH * (1 - (nowMs - point.ms) / WINDOW_MS),
        HEIGHT * (1 - point.value / top),
      ]);
      const d = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
      path.setAttribute("d", d && `M${d}`);
      if (area !== null) area.setAttribute("d", d && `M${points[0][0]} ${HEIGHT}L${d}V${HEIGHT}Z`);
      value.textContent = series.latest === undefined ? "–" : digits(series.latest);
    }
    const labels = Array.from({ length: GRID_LINES + 1 }, (_, line) => digits(top * (1 - line / GRID_LINES)));
    this.#scale.replaceChildren(...labels.map((text) => html("span", { textContent: text })));
  }
}

/** @returns {number} a round number that is not below `greatest`, and divides well */
function niceTop(greatest) {
  if (greatest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(greatest));
  return [1, 2, 4, 8, 10].map((step) => step * power).find((top) => top >= greatest);
}

/** @returns {string} three digits at most that say something */
export function digits(value) {
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  if (value >= 10) return value.toFixed(1);
  return String(Number(value.toPrecision(value >= 1 ? 3 : 2)));
}

/** An SVG element. */
function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

/** An HTML element. */
function html(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
