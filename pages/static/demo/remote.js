/** Moving between films as with a TV's remote: an arrow key goes to the nearest film that way, on whatever device. */

const [LEFT_TO_RIGHT, TOP_TO_BOTTOM] = [
  ["x", "y"],
  ["y", "x"],
];
const DIRECTIONS = {
  ArrowLeft: { axes: LEFT_TO_RIGHT, sign: -1 },
  ArrowRight: { axes: LEFT_TO_RIGHT, sign: 1 },
  ArrowUp: { axes: TOP_TO_BOTTOM, sign: -1 },
  ArrowDown: { axes: TOP_TO_BOTTOM, sign: 1 },
};

/** Let arrow keys move within `area`, which holds the shelves; the Tab key stops once at each shelf. */
export function steer(area) {
  for (const shelf of area.querySelectorAll(".shelf")) rove(shelf.querySelector(".poster"));
  area.addEventListener("focusin", ({ target }) => {
    if (target.matches(".poster")) rove(target);
  });
  area.addEventListener("keydown", (event) => {
    const direction = DIRECTIONS[event.key];
    const isShortcut = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (direction === undefined || isShortcut || !event.target.matches(".poster")) return;
    const next = nearest(event.target, area.querySelectorAll(".poster"), direction);
    if (next === undefined) return; // at the edge the key scrolls, as it does elsewhere
    event.preventDefault();
    next.focus();
  });
}

/** The Tab key comes back to where the focus was last. */
function rove(poster) {
  for (const each of poster.closest(".shelf").querySelectorAll(".poster")) each.tabIndex = each === poster ? 0 : -1;
}

/** @returns {Element | undefined} undefined: there is none that way */
function nearest(from, posters, { axes: [along, across], sign }) {
  const start = centre(from);
  let [best, least] = [undefined, Number.POSITIVE_INFINITY];
  for (const poster of posters) {
    const end = centre(poster);
    const [ahead, aside] = [sign * (end[along] - start[along]), Math.abs(end[across] - start[across])];
    const cost = ahead + 2 * aside; // the same row or column of the next device is better than a nearer one beside it
    if (ahead > aside && cost < least) [best, least] = [poster, cost];
  }
  return best;
}

function centre(element) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return { x: (left + right) / 2, y: (top + bottom) / 2 };
}
