// biome-ignore-all lint/performance/noNamespaceImport: a part is loaded as one

/**
 * The parts that a client needs only sometimes. Here they come with the client, in one file; in the modern build
 * late_parts.ts replaces this module.
 */

import * as placing from "./data/placing.js";
import * as registers from "./data/registers.js";
import * as rejoining from "./stores/rejoining.js";
import * as refusedUpgrade from "./transport/refused_upgrade.js";
import * as requests from "./transport/requests.js";

/** Rejects if the part does not come; the next call tries again. */
export type Load<Part> = () => Promise<Part>;

/** For moving an item beside another. */
export const loadPlacing: Load<typeof placing> = async () => placing;

/** For listing, renaming and deleting lists, and for commands. */
export const loadRequests: Load<typeof requests> = async () => requests;

/** For progress and devices. */
export const loadRegisters: Load<typeof registers> = async () => registers;

/** For when a WebSocket was refused. */
export const loadRefusedUpgrade: Load<typeof refusedUpgrade> = async () => refusedUpgrade;

/** For when a store that failed works again. */
export const loadRejoining: Load<typeof rejoining> = async () => rejoining;
