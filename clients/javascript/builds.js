/** The kinds of files that the client is bundled into, all of them readable. */

import { buildSync } from "esbuild";

const BANNER = "// The client of syncd. Built from clients/javascript/src: change it there.";

/** By name, what each entry point of the package is built from. */
export const ENTRIES = { "syncd-client": "src/syncd-client.ts", react: "src/react.ts", stores: "src/stores.ts" };

/** For the engines of today. */
export const MODERN = { format: "esm", target: "es2022" };

/** For Chromium 63 and its contemporaries. */
const LEGACY = {
  target: "chrome63",
  inject: ["src/legacy_global.ts"],
  logOverride: { "unsupported-regexp": "error" }, // it would be a SyntaxError when the module is loaded
};
export const LEGACY_MODULE = { ...LEGACY, format: "esm" };
export const LEGACY_COMMONJS = { ...LEGACY, format: "cjs" };
export const LEGACY_SCRIPT = { ...LEGACY, format: "iife", globalName: "syncd" };

/** Bundle each of `entryPoints` as `options` say, and return esbuild's result. */
export function bundle(entryPoints, options) {
  const everywhere = { bundle: true, packages: "external", banner: { js: BANNER }, logLevel: "warning" };
  return buildSync({ entryPoints, ...everywhere, ...options });
}
