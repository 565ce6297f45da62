// biome-ignore-all lint/performance/noBarrelFile: the package has one entry point

/** The client of syncd for browsers and Node: README.md. */

export { type ClientEvent, SyncClient, type SyncClientOptions } from "./client.js";
export type { SyncEvents } from "./events.js";
export type { GetToken } from "./link.js";
export type { Item as ListItem } from "./list_view.js";
export type { Action, Status } from "./messages.js";
export type { Transport } from "./outputs.js";
export type { State } from "./state.js";
export { readToken, type Token } from "./token.js";
