// biome-ignore-all lint/performance/noBarrelFile: a part that is loaded as one

/** What a client needs for registers alone: progress and devices. */

export { checkedWords } from "./members.js";
export { devicesOf, progressOf, saysAlready } from "./register_views.js";
export { Registers } from "./user_registers.js";
