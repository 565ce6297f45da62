// biome-ignore-all lint/performance/noBarrelFile: an entry point of the package

/** Stores for where there is no IndexedDB: README.md. */

export { AsyncStorageStore, type TextStorage } from "./stores/async_storage_store.js";
export { type Execute, SqliteStore } from "./stores/sqlite_store.js";
