// biome-ignore-all lint/performance/noBarrelFile: a part that is loaded as one

/** What a client needs where a WebSocket was refused: why it was, the other transports, and whether one can be had again. */

export { explain } from "./explanation.js";
export { HttpTransport } from "./http_transport.js";
export { probe } from "./probe.js";
