/** The kinds of files that the client is bundled into, all of them readable. */

import { resolve } from "node:path";

import { build } from "esbuild";

const BANNER = "// The client of syncd. Built from clients/javascript/src: change it there.";

/** By name, what each entry point of the package is built from. */
export const ENTRIES = { "syncd-client": "src/syncd-client.ts", react: "src/react.ts", stores: "src/stores.ts" };

/** The same of the modern build's parts that are loaded when they are needed. They import nothing of an entry point. */
export const PARTS = {
  placing: "src/placing.ts",
  refused_upgrade: "src/refused_upgrade.ts",
  registers: "src/registers.ts",
  rejoining: "src/rejoining.ts",
  requests: "src/requests.ts",
};

/** As the part for React imports it. */
const CLIENT = "./syncd-client.js";

/** For the engines of today. */
export const MODERN = {
  format: "esm",
  target: "es2022",
  external: [CLIENT, ...Object.keys(PARTS).map((name) => `./${name}.js`)],
  plugins: [inPlaceOf("parts", "late_parts")],
};

/** For Chromium 63 and its contemporaries, and for React Native. */
const LEGACY = {
  target: "chrome63",
  external: [CLIENT],
  inject: ["src/legacy_global.ts"],
  plugins: [inPlaceOf("event_target", "legacy_event_target")],
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

/** Has one module of `src/` taken for another, which has the same exports. */
function inPlaceOf(module, other) {
  return {
    name: `${other} in place of ${module}`,
    setup({ onResolve }) {
      // biome-ignore lint/style/useUnicodeRegex: Go reads it, which has no such flag
      const filter = new RegExp(`^\\./${module}\\.js$`);
      onResolve({ filter }, () => ({ path: resolve(`src/${other}.ts`) }));
    },
  };
}
