/** The tokens of one user: asking for them, the one in use and when it is renewed, and what is wrong with one. */

import type { Output } from "./outputs.js";
import type { Timers } from "./timers.js";
import type { Token } from "./token.js";

const ANSWER_MS = 20_000;
const RENEW_AHEAD_MS = 60_000;
const RENEW_PAUSE_MS = 30_000;

const WHITE_SPACE_AROUND = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/gu;
const FOREIGN_CHARACTER = /[^A-Za-z0-9._~+/=-]/u;

/** Why there is no usable token; `isLasting`: the app has to act. */
export interface Fault {
  readonly reason: string;
  readonly isLasting: boolean;
}

export const NO_ANSWER: Fault = {
  reason: `no token: getToken did not answer within ${ANSWER_MS / 1000} s`,
  isLasting: false,
};

/** Asks the app's callback, one question at a time. */
export class Tokens {
  readonly #userId: string;
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  readonly #nowMs: () => number;
  readonly #spent = new Set<string>();
  #isAsked = false;
  #used: Token = { value: "" };

  /** `put`: where its outputs go. */
  constructor(userId: string, put: (output: Output) => void, timers: Timers, nowMs: () => number) {
    this.#userId = userId;
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
  }

  /** The token of the attempt or connection under way. */
  get used(): Token {
    return this.#used;
  }

  /** Ask the app's callback, which has `ANSWER_MS` to answer. */
  ask(): void {
    this.#isAsked = true;
    this.#put({ type: "ask_token" });
    this.#timers.start("token", ANSWER_MS);
  }

  /** Accept no answer any more; whether one was awaited. */
  endQuestion(): boolean {
    const wasAsked = this.#isAsked;
    this.#isAsked = false;
    this.#timers.stop("token");
    return wasAsked;
  }

  /** Why `token` is not to be used; the reason never shows it. */
  faultOf(token: Token): Fault | null {
    if (this.#spent.has(token.value)) return { reason: "the token was refused before", isLasting: false };
    return faultIn(token, this.#userId);
  }

  /** Note it as the one in use, and have it renewed in time. */
  use(token: Token): void {
    this.#used = token;
    if (token.exp !== undefined) {
      const aheadMs = Math.floor(token.exp * 1000) - RENEW_AHEAD_MS - this.#nowMs();
      this.#timers.start("renew", Math.max(aheadMs, RENEW_PAUSE_MS));
    }
  }

  /** Ask again after a pause: the callback gave no new one. */
  renewLater(): void {
    this.#timers.start("renew", RENEW_PAUSE_MS);
  }

  /** Never use the current token again: the service has refused it. */
  spend(): void {
    this.#spent.add(this.#used.value);
  }
}

/** Why `token` cannot be one of this user's; the reason never shows it. */
export function faultIn({ value, sub }: Token, userId: string): Fault | null {
  if (value === "") return { reason: "the token is empty", isLasting: false };
  const reason = flawOf(value) ?? (sub === undefined || sub === userId ? null : "the token is another user's");
  return reason === null ? null : { reason, isLasting: true };
}

/** The token without white space at its ends. */
export function stripped(token: Token): Token {
  return { ...token, value: token.value.replace(WHITE_SPACE_AROUND, "") };
}

/** What is wrong with the characters of a token, without showing the rest of it. */
function flawOf(value: string): string | null {
  if (value.toLowerCase().startsWith("bearer ")) return "the token begins with 'Bearer '";
  const found = FOREIGN_CHARACTER.exec(value)?.[0];
  if (found === undefined) return null;
  if (found === "\n" || found === "\r") return "the token has a line break in it";
  if (found === " " || found === "\t") return "the token has a space in it";
  const code = (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `the token has a character in it that no token has: U+${code}`;
}
