// biome-ignore-all lint/performance/noBarrelFile: a part that is loaded as one

/** The part that only registers need: progress, devices and which lists there are. */

export { checkedWords } from "./register_fields.js";
export { begunIn, byIdIn, saysAlready, VIEWS } from "./register_views.js";
export { Registers } from "./user_registers.js";
