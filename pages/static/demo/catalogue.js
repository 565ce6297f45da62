/** Twelve films that do not exist. Content ids are fixed, so that a command line can name them, too. */

/**
 * @typedef {object} Film
 * @property {string} id a UUID
 * @property {string} title
 * @property {string[]} lines the title as its poster sets it
 */

const TITLES = [
  "Paper|Lighthouse",
  "The Long|Signal",
  "Salt|Orchard",
  "Night|Ferry",
  "Glass|Summer",
  "Low|Orbit",
  "Winter|Engine",
  "Seven|Doors",
  "Velvet|Static",
  "Contour",
  "Borrowed|Light",
  "The Far|Shore",
];

/** @type {readonly Film[]} */
export const FILMS = TITLES.map((title, index) => ({
  id: `0b0e6a4e-52a5-4a5b-9a1f-${String(index + 1).padStart(12, "0")}`,
  title: title.replace("|", " "),
  lines: title.split("|"),
}));

/** What the page itself puts on a list that nobody has used yet. The documents' command line adds the first film. */
export const FIRST_LISTED = FILMS.find((film) => film.title === "Glass Summer");

/** What the page itself puts on the list of tonight, if nobody has used that yet. */
export const FOR_TONIGHT = ["Night Ferry", "Seven Doors", "Contour"].map((title) =>
  FILMS.find((film) => film.title === title),
);

const BY_ID = new Map(FILMS.map((film) => [film.id, film]));

/** @returns {string} what people call the content; its id if it is none of these films */
export function titleOf(id) {
  return BY_ID.get(id)?.title ?? id;
}

/** Whether the content is one of these films. */
export function isFilm(id) {
  return BY_ID.has(id);
}
