/** The browser engines in which the client is tested. */

import { existsSync } from "node:fs";
import process from "node:process";

import { chromium, firefox, type Browser as PlaywrightBrowser } from "playwright-core";

import { WebKit } from "./webkit.js";

/** What the tests need of a browser: a part of what Playwright has. */
export interface Browser {
  /** A profile of its own, or at least no page of another test. */
  newContext(): Promise<Context>;
  close(): Promise<void>;
}

export interface Context {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  goto(url: string): Promise<unknown>;
  evaluate<R>(pageFunction: () => R | Promise<R>): Promise<R>;
  evaluate<R, A>(pageFunction: (arg: A) => R | Promise<R>, arg: A): Promise<R>;
  waitForFunction(pageFunction: () => unknown): Promise<unknown>;
  waitForFunction<A>(pageFunction: (arg: A) => unknown, arg: A): Promise<unknown>;
  close(): Promise<void>;
}

export interface Engine {
  /** Files without which it cannot run, and the Debian packages that have them. */
  readonly files: readonly string[];
  readonly packages: string;
  readonly launch: () => Promise<Browser>;
}

const TIMEOUT_MS = 60_000;
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const ENGINES: Readonly<Record<string, Engine>> = {
  chromium: {
    files: [CHROMIUM],
    packages: "chromium",
    launch: async () => patient(await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS })),
  },
  firefox: {
    files: [FIREFOX],
    packages: "firefox-esr",
    // With this channel Playwright drives a Firefox that is not its own: by WebDriver BiDi.
    launch: async () => patient(await firefox.launch({ executablePath: FIREFOX, channel: "moz-firefox" })),
  },
  webkit: {
    files: WebKit.FILES,
    packages: "webkit2gtk-driver xvfb",
    launch: () => WebKit.launch(),
  },
};

/** The engine of that name. Throws where there is none. */
export function engineNamed(name: string): Engine {
  const engine = ENGINES[name];
  if (engine === undefined) throw new Error(`the engines are ${Object.keys(ENGINES).join(", ")}`);
  return engine;
}

/** Why the engine cannot run here; false: it can. */
export function whyMissing({ files, packages }: Engine): string | false {
  const absent = files.filter((file) => !existsSync(file));
  return absent.length > 0 && `${absent.join(" and ")} missing: apt-get install --no-install-recommends ${packages}`;
}

function patient(browser: PlaywrightBrowser): Browser {
  return {
    newContext: async () => {
      const context = await browser.newContext();
      context.setDefaultTimeout(TIMEOUT_MS);
      context.on("weberror", (error) => console.error("in the page:", error.error()));
      return context as Context;
    },
    close: () => browser.close(),
  };
}
