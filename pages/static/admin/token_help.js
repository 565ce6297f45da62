/** How to get a token that this very daemon takes, as it says itself. */

import { part } from "./dom.js";

const ADDRESS = new URL("token-help.json", import.meta.url);

export async function showTokenHelp() {
  const answer = await fetch(ADDRESS).catch(() => null); // that the daemon is away is said when a token is tried
  if (answer?.ok !== true) return;
  const { text, command } = await answer.json();
  const source = part("token-source");
  source.querySelector("p").textContent = text;
  source.querySelector("code").textContent = command ?? "";
  source.querySelector("pre").hidden = command === null;
  source.hidden = false;
}
