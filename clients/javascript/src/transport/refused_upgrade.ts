// biome-ignore-all lint/performance/noBarrelFile: a part that is loaded as one

/** The part that is needed once a WebSocket was refused: why that was, the other transports, and the probe. */

export { explain } from "./explanation.js";
export { HttpTransport } from "./http_transport.js";
export { probe } from "./probe.js";
