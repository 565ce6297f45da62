/** The client of syncd for browsers and Node: README.md. */

export { SyncClient, type ClientEvent, type SyncClientOptions } from "./client.js";
export type { State, SyncEvents, Token } from "./core_contract.js";
export type { GetToken } from "./engine.js";
export type { Action, Status } from "./messages.js";
export { readToken } from "./token.js";
export type { ListItem } from "./user_state.js";
