// biome-ignore-all lint/performance/noBarrelFile: the package has one entry point

/** The client of syncd for browsers and Node: README.md. */

export { between } from "./between.js";
export type { Carried } from "./carried.js";
export { type ClientEvent, SyncClient } from "./client.js";
export type { Devices, DeviceWords } from "./devices.js";
export type { SyncEvents } from "./events.js";
export type { Reading, Timestamp } from "./hlc.js";
export { type ContentIds, canonical } from "./ids.js";
export type { List } from "./list.js";
export type { Item as ListItem } from "./list_view.js";
export type { Status, WriteAction as Action } from "./messages.js";
export type { Operation, Operations } from "./operations.js";
export type { SyncClientOptions } from "./options.js";
export type { Transport } from "./outputs.js";
export type { Place } from "./placing.js";
export type { Progress, ProgressReport } from "./progress.js";
export type { DeviceItem, ProgressItem } from "./register_views.js";
export type { NamedList, RequestError } from "./requests.js";
export type { GetToken } from "./service.js";
export type { State } from "./state.js";
export { ErasedError, type Store, SupersededError } from "./store.js";
export { readToken, type Token } from "./token.js";
export type { Change, ConfirmedItem, Head, PendingWrite, Storage, Stored } from "./user_state.js";
