// biome-ignore-all lint/performance/noBarrelFile: the package has one entry point

/** The client of syncd for browsers and Node: README.md. */

export { SyncClient } from "./client.js";
export type { SyncEvents } from "./core/events.js";
export type { Transport } from "./core/outputs.js";
export type { State } from "./core/state.js";
export { readToken, type Token } from "./core/token.js";
export { between } from "./data/fractional_index.js";
export type { Reading, Timestamp } from "./data/hlc.js";
export { type ContentIds, canonical } from "./data/ids.js";
export type { Carried, ItemWords } from "./data/item_fields.js";
export type { Item as ListItem } from "./data/list_view.js";
export type { Status, WriteAction as Action } from "./data/messages.js";
export type { Place } from "./data/placing.js";
export type { ListName } from "./data/register_messages.js";
export type { DeviceItem, ProgressItem } from "./data/register_views.js";
export type { ConfirmedItem, PendingWrite } from "./data/stored.js";
export type { Change, Head, Storage, Stored } from "./data/user_state.js";
export type { Devices, DeviceWords } from "./devices.js";
export type { List } from "./list.js";
export type { ClientEvent } from "./listening.js";
export type { Operation, Operations } from "./operations.js";
export type { SyncClientOptions } from "./options.js";
export type { Progress, ProgressReport } from "./progress.js";
export type { Shown } from "./shown.js";
export { ErasedError, type Store, SupersededError } from "./stores/store.js";
export type { NamedList, RequestError } from "./transport/requests.js";
export type { GetToken } from "./transport/service.js";
