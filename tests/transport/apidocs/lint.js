// Prints what is wrong with the documents of a service, as JSON: node lint.js http://127.0.0.1:8083

import process from "node:process";
import { Parser } from "@asyncapi/parser";
import spectral from "@stoplight/spectral-core";
import { asyncapi, openapi } from "./ruleset.js";

const [, , address] = process.argv;
const get = async (path) => (await fetch(address + path)).text();
const told = (found) => found.map(({ code, message, path }) => `${code} at ${path.join(".")}: ${message}`);

const linter = new spectral.Spectral();
linter.setRuleset(openapi);
const ofOpenapi = await linter.run(await get("/openapi.json"));
const { diagnostics } = await new Parser({ ruleset: asyncapi }).parse(await get("/asyncapi.json"));
process.stdout.write(JSON.stringify({ openapi: told(ofOpenapi), asyncapi: told(diagnostics) }));
