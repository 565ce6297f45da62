/** The kinds of files that the client is bundled into, all of them readable. */

import { resolve } from "node:path";

import { build } from "esbuild";

const BANNER = "// The client of syncd. Built from clients/javascript/src: change it there.";

/** By name, what each entry point of the package is built from. */
export const ENTRIES = { "syncd-client": "src/syncd-client.ts", react: "src/react.ts", stores: "src/stores.ts" };

/** The same of the modern build's parts that are loaded when they are needed. They import nothing of an entry point. */
export const PARTS = {
  placing: "src/data/placing.ts",
  refused_upgrade: "src/transport/refused_upgrade.ts",
  registers: "src/data/registers.ts",
  rejoining: "src/stores/rejoining.ts",
  requests: "src/transport/requests.ts",
};

/** As the part for React imports it. */
const CLIENT = "./syncd-client.js";

/** For the engines of today. */
export const MODERN = {
  format: "esm",
  target: "es2022",
  external: [CLIENT],
  plugins: [apart(PARTS), inPlaceOf("src/parts.ts", "src/late_parts.ts")],
};

/** For Chromium 63 and its contemporaries, and for React Native. */
const LEGACY = {
  target: "chrome63",
  external: [CLIENT],
  inject: ["src/platform/legacy_global.ts", "src/platform/legacy_url.ts"],
  plugins: [inPlaceOf("src/platform/event_target.ts", "src/platform/legacy_event_target.ts")],
  logOverride: { "unsupported-regexp": "error" }, // it would be a SyntaxError when the module is loaded
};
export const LEGACY_MODULE = { ...LEGACY, format: "esm" };
export const LEGACY_COMMONJS = { ...LEGACY, format: "cjs" };
export const LEGACY_SCRIPT = { ...LEGACY, format: "iife", globalName: "syncd" };

/** Bundle each of `entryPoints` as `options` say; resolves to esbuild's result. */
export function bundle(entryPoints, options) {
  const everywhere = { bundle: true, packages: "external", banner: { js: BANNER }, logLevel: "warning" };
  return build({ entryPoints, ...everywhere, ...options });
}

/** Has each of `parts` imported from beside the module that it is wanted in: none is bundled into another. */
function apart(parts) {
  const names = new Map(Object.entries(parts).map(([name, source]) => [resolve(source), name]));
  return resolving(
    "parts apart",
    (source) => names.has(source) && { path: `./${names.get(source)}.js`, external: true },
  );
}

/** Has one module of `src/` taken for another, which has the same exports. */
function inPlaceOf(module, other) {
  return resolving(
    `${other} in place of ${module}`,
    (source) => source === resolve(module) && { path: resolve(other) },
  );
}

/** `find`: what an import of ours is to be taken for, by its source; false: for that. */
function resolving(name, find) {
  return {
    name,
    setup({ onResolve }) {
      // biome-ignore lint/style/useUnicodeRegex: Go reads it, which has no such flag
      onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, kind }) => {
        if (kind === "entry-point") return null;
        return find(resolve(resolveDir, path.replace(/\.js$/u, ".ts"))) || null;
      });
    },
  };
}
