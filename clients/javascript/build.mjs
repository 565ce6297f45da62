/** Bundles the client into one ES module that people can read: `node build.mjs FILE`. */

import process from "node:process";

import { buildSync } from "esbuild";

buildSync({
  entryPoints: ["src/syncd-client.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  outfile: process.argv[2],
  banner: {
    js: "// The client of syncd. Built by `npm run build` from clients/javascript/src: change it there.",
  },
});
