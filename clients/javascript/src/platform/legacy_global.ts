/** Replaces `globalThis` in the legacy build: Chromium has it only since 71. React Native has no `self`. */

declare const global: typeof globalThis;
// biome-ignore lint/style/useGlobalThis: that is what is missing
const everything: typeof globalThis = typeof self === "undefined" ? global : self;

export { everything as globalThis };
