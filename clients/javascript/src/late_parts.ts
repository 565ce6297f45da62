/** Stands for parts.ts where each part is a module of its own, loaded when it is needed. */

import type { Load } from "./parts.js";

export const loadPlacing = late(() => import("./data/placing.js"), "./placing.js");
export const loadRequests = late(() => import("./transport/requests.js"), "./requests.js");
export const loadRegisters = late(() => import("./data/registers.js"), "./registers.js");
export const loadRefusedUpgrade = late(() => import("./transport/refused_upgrade.js"), "./refused_upgrade.js");
export const loadRejoining = late(() => import("./stores/rejoining.js"), "./rejoining.js");

/**
 * Loads a part once. A module that did not come is asked for again with another fragment in its address: Firefox never
 * asks for the same address again. Bundlers know only the first address, and leave the others as they are.
 * What it rejects with has the fields of a `RequestError`: an app sees it when what it asked for needs the part.
 */
function late<Part>(load: Load<Part>, address: string): Load<Part> {
  let part: Promise<Part> | null = null;
  let failures = 0;
  const loadAgain = (): Promise<Part> => {
    failures += 1;
    return import(/* @vite-ignore */ /* webpackIgnore: true */ `${address}#${failures}`);
  };
  const forget = (cause: unknown): never => {
    part = null;
    throw Object.assign(new Error(`no network: ${address} did not come`), { status: null, code: null, cause });
  };
  return () => {
    part ??= load().catch(loadAgain).catch(forget);
    return part;
  };
}
