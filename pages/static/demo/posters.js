/** The films' posters, drawn: a few flat shapes in a few colours, and the title in lines as wide as the poster. */

import { FILMS } from "./catalogue.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, MARGIN] = [120, 150, 10];

// biome-ignore-start lint/complexity/useMaxParams: the attributes of the shapes, in SVG's order
const circle = (x, y, r, fill, more = "") => `<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}" ${more}/>`;
const rect = (x, y, w, h, fill, more = "") =>
  `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${fill}" ${more}/>`;
// biome-ignore-end lint/complexity/useMaxParams: the attributes of the shapes, in SVG's order
const path = (d, fill, more = "") => `<path d="${d}" fill="${fill}" ${more}/>`;
const line = (d, stroke, width, more = "") =>
  `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" ${more}/>`;
const each = (count, draw) => Array.from({ length: count }, (_, index) => draw(index)).join("");

/** In the order of the catalogue. `ink`: the title's colour. */
const DESIGNS = [
  {
    paper: "#1f3a5f",
    ink: "#f7e8c9",
    art: () =>
      path("M60 40 L120 14 V58 Z", "#f2c14e", 'opacity=".9"') +
      path("M60 40 L0 20 V52 Z", "#f2c14e", 'opacity=".35"') +
      path("M52 46 H68 L73 108 H47 Z", "#f7e8c9") +
      path("M50.6 62 H69.4 L70.6 76 H49.4 Z", "#d8563f") +
      path("M48.4 90 H71.6 L73 108 H47 Z", "#d8563f") +
      rect(51, 34, 18, 12, "#f7e8c9") +
      path("M49 34 L60 24 L71 34 Z", "#d8563f") +
      path("M0 108 H120 V150 H0 Z", "#152842"),
  },
  {
    paper: "#e9573f",
    ink: "#fff3e2",
    art: () =>
      each(7, (n) => circle(60, 62, 86 - n * 12, n % 2 ? "#e9573f" : "#2b1a33")) + circle(60, 62, 6, "#fff3e2"),
  },
  {
    paper: "#f1e4d1",
    ink: "#27443a",
    art: () =>
      each(20, (n) => {
        const [column, row] = [n % 5, Math.floor(n / 5)];
        const leaf = row % 2 ? "#3f6b57" : "#6b9a7d";
        const ripe = (n * 7) % 5 === 0;
        return circle(20 + column * 20, 20 + row * 20, 8, ripe ? "#e07a5f" : leaf);
      }),
  },
  {
    paper: "#0e1730",
    ink: "#e8edf7",
    art: () =>
      circle(84, 38, 20, "#f5e6b8") +
      circle(76, 33, 18, "#0e1730") +
      path("M22 66 H88 L78 80 H34 Z", "#e8edf7") +
      rect(40, 53, 30, 13, "#d65a4a") +
      rect(56, 42, 8, 11, "#e8edf7") +
      each(2, (n) => line(`M-8 ${84 + n * 6} q 8 -5 16 0 t 16 0 16 0 16 0 16 0 16 0 16 0 16 0`, "#3a5a9b", 2)),
  },
  {
    paper: "#ffd9a0",
    ink: "#7b2d26",
    art: () =>
      circle(62, 52, 30, "#f4743b") +
      rect(14, 22, 36, 66, "#3fb8af", 'opacity=".55"') +
      rect(40, 30, 36, 58, "#f9f3e6", 'opacity=".6"') +
      rect(68, 14, 36, 74, "#e0407b", 'opacity=".5"'),
  },
  {
    paper: "#241a3a",
    ink: "#f3e9ff",
    art: () =>
      each(14, (n) => circle((n * 47) % 118, (n * 31) % 96, n % 3 ? 0.8 : 1.4, "#f3e9ff")) +
      circle(60, 58, 30, "#8f6bd9") +
      path("M30 58 A30 30 0 0 0 90 58 Z", "#6a45b8") +
      // biome-ignore lint/security/noSecrets: a curve
      line("M14 76 C 30 92, 96 60, 106 40", "#ffb86b", 4, 'stroke-linecap="round"') +
      circle(106, 40, 5, "#ffe2b8"),
  },
  {
    paper: "#dfe9ee",
    ink: "#1c2b36",
    art: () =>
      each(12, (n) => {
        const turn = `transform="rotate(${n * 30} 60 50)"`;
        return rect(55, 6, 10, 16, "#33566b", turn);
      }) +
      circle(60, 50, 34, "#33566b") +
      circle(60, 50, 20, "#dfe9ee") +
      each(6, (n) => line("M60 50 V34 M56 38 L60 42 L64 38", "#5fa3c0", 2.4, `transform="rotate(${n * 60} 60 50)"`)),
  },
  {
    paper: "#2d2a26",
    ink: "#f0dfc0",
    art: () =>
      each(7, (n) => {
        const inset = n * 7.5;
        const shade = ["#4a2f27", "#6e3b2c", "#974a2f", "#bf6033", "#dd8440", "#efae5e", "#fbe3a5"][n];
        return rect(10 + inset, 10 + inset, 100 - inset * 2, 84 - inset, shade);
      }),
  },
  {
    paper: "#5b0f2f",
    ink: "#ffd7e2",
    art: () =>
      each(13, (n) => {
        const [x, w] = [(n * 37) % 60, 30 + ((n * 53) % 60)];
        return rect(x, 12 + n * 6, w, 3.4, ["#8f1d4b", "#ff6f91", "#8f1d4b", "#ffc7d6"][n % 4]);
      }),
  },
  {
    paper: "#e8e0c9",
    ink: "#3d3a2c",
    art: () =>
      each(7, (n) => {
        const s = 1 - n * 0.135;
        const blob = "M8 -44 C34 -46 50 -24 46 2 C43 28 22 46 -6 42 C-34 39 -50 20 -44 -8 C-39 -31 -18 -42 8 -44 Z";
        const move = `transform="translate(${60 + n * 2} ${60 - n}) scale(${s})"`;
        const fill = ["#c9d3a4", "#aec48a", "#8fb174", "#c7a35a", "#b97f45", "#9c5a3a", "#7d3f2f"][n];
        return path(blob, fill, move);
      }),
  },
  {
    paper: "#26384d",
    ink: "#fbe6b0",
    art: () =>
      path("M52 22 L104 8 V100 L52 88 Z", "#f6c65b") +
      line("M78 15 V94 M52 55 L104 54", "#26384d", 4) +
      path("M52 88 L104 100 L66 120 L6 104 Z", "#f6c65b", 'opacity=".35"') +
      rect(14, 62, 14, 42, "#121d2b") +
      circle(21, 56, 8, "#121d2b"),
  },
  {
    paper: "#f6b89e",
    ink: "#fff1e3",
    art: () =>
      circle(84, 40, 15, "#fff1e3") +
      path("M0 62 C 24 44, 46 70, 70 56 S 108 46, 120 58 V150 H0 Z", "#e2788b") +
      path("M0 80 C 30 66, 52 88, 80 76 S 112 72, 120 78 V150 H0 Z", "#a7588f") +
      path("M0 96 C 26 86, 60 106, 88 94 S 114 92, 120 96 V150 H0 Z", "#6a4486"),
  },
];

/** Draw all posters into `defs`, as symbols that `posterOf` shows any number of times. */
export function drawPosters(defs) {
  defs.innerHTML = FILMS.map((film, index) => symbol(symbolId(film), DESIGNS[index], film.lines)).join("");
}

/** @returns {SVGElement} the film's poster; a picture without a name */
export function posterOf(film) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${symbolId(film)}`);
  svg.append(use);
  return svg;
}

function symbolId(film) {
  return `poster-${film.id.slice(-2)}`;
}

function symbol(id, { paper, ink, art }, lines) {
  const drawing = rect(0, 0, WIDTH, HEIGHT, paper) + art() + titleOf(lines, ink);
  return `<symbol id="${id}" viewBox="0 0 ${WIDTH} ${HEIGHT}">${drawing}</symbol>`;
}

/** Every line is as wide as the poster, whatever the font: short words become large. It ends at the bottom edge. */
function titleOf(lines, ink) {
  const width = WIDTH - 2 * MARGIN;
  const sizes = lines.map((text) => Math.min(width / (text.length * 0.62), 30));
  const heights = sizes.map((size) => size * 0.86);
  const total = heights.reduce((sum, height) => sum + height, 0);
  let baseline = HEIGHT - MARGIN - total;
  return lines
    .map((text, index) => {
      baseline += heights[index];
      const place = `x="${MARGIN}" y="${baseline - 1}" textLength="${width}" lengthAdjust="spacingAndGlyphs"`;
      return `<text ${place} font-size="${sizes[index]}" fill="${ink}">${text.toUpperCase()}</text>`;
    })
    .join("");
}
