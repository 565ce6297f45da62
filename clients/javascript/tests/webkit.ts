/** Debian's WebKit, Safari's engine, in an invisible window, driven by WebDriver (https://www.w3.org/TR/webdriver2/). */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import type { Browser, Context, Page } from "./engines.js";

// biome-ignore lint/security/noSecrets: the name of a program
const DRIVER = "/usr/bin/WebKitWebDriver";
const SCREEN = "/usr/bin/Xvfb";
const TIMEOUT_MS = 60_000;
const POLL_MS = 20;

export class WebKit implements Browser {
  static readonly FILES = [DRIVER, SCREEN];
  readonly #processes: readonly ChildProcess[];
  readonly #session: Session;

  private constructor(processes: readonly ChildProcess[], session: Session) {
    this.#processes = processes;
    this.#session = session;
  }

  static async launch(): Promise<WebKit> {
    const screen = spawn(SCREEN, ["-displayfd", "3", "-nolisten", "tcp"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const [display] = await once(screen.stdio[3] as Readable, "data");
    const port = await freePort();
    const driver = spawn(DRIVER, [`--port=${port}`], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, ["DISPLAY"]: `:${String(display).trim()}` },
    });
    return new WebKit([driver, screen], await Session.start(`http://127.0.0.1:${port}`));
  }

  /** Not a fresh profile, which would need another browser: only its pages end with it. */
  async newContext(): Promise<Context> {
    const pages: WebKitPage[] = [];
    return {
      newPage: async () => {
        const page = await WebKitPage.open(this.#session);
        pages.push(page);
        return page;
      },
      close: async () => {
        await Promise.all(pages.map((page) => page.close()));
      },
    };
  }

  async close(): Promise<void> {
    await this.#session.command("DELETE", "");
    for (const each of this.#processes) each.kill();
  }
}

class WebKitPage implements Page {
  readonly #session: Session;
  readonly #handle: string;
  #isClosed = false;

  private constructor(session: Session, handle: string) {
    this.#session = session;
    this.#handle = handle;
  }

  static async open(session: Session): Promise<WebKitPage> {
    const { handle } = await session.command<{ handle: string }>("POST", "/window/new", { type: "tab" });
    return new WebKitPage(session, handle);
  }

  async goto(url: string): Promise<void> {
    await this.#session.commandIn(this.#handle, "POST", "/url", { url });
  }

  async evaluate<R, A>(pageFunction: (arg: A) => R | Promise<R>, arg?: A): Promise<R> {
    const script = `const [arg, done] = arguments;
      Promise.resolve().then(() => (${pageFunction})(arg))
        .then((value = null) => done({ value }), (error) => done({ error: String(error) }));`;
    const body = { script, args: [arg ?? null] };
    const answer = await this.#session.commandIn<{ value: R; error?: string }>(
      this.#handle,
      "POST",
      "/execute/async",
      body,
    );
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  async waitForFunction<A>(pageFunction: (arg: A) => unknown, arg?: A): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    while (!(await this.evaluate(pageFunction, arg))) {
      if (Date.now() > deadline) throw new Error(`not within ${TIMEOUT_MS} ms: ${pageFunction} of ${arg}`);
      await sleep(POLL_MS);
    }
  }

  async close(): Promise<void> {
    if (!this.#isClosed) await this.#session.commandIn(this.#handle, "DELETE", "/window");
    this.#isClosed = true;
  }
}

/** WebDriver's: one command after the other, each in the tab that was chosen last. */
class Session {
  readonly #url: string;
  /** The tab that is there from the start. With the last one the session would end. */
  readonly #first: string;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(url: string, first: string) {
    this.#url = url;
    this.#first = first;
  }

  static async start(driver: string): Promise<Session> {
    const deadline = Date.now() + TIMEOUT_MS;
    while (!(await fetch(`${driver}/status`).catch(() => null))) {
      if (Date.now() > deadline) throw new Error("the driver does not answer");
      await sleep(POLL_MS);
    }
    const capabilities = { alwaysMatch: { timeouts: { script: TIMEOUT_MS, pageLoad: TIMEOUT_MS } } };
    const { sessionId } = await send<{ sessionId: string }>("POST", `${driver}/session`, { capabilities });
    const url = `${driver}/session/${sessionId}`;
    return new Session(url, await send<string>("GET", `${url}/window`));
  }

  command<R>(method: string, path: string, body?: object): Promise<R> {
    return this.commandIn(this.#first, method, path, body);
  }

  commandIn<R>(handle: string, method: string, path: string, body?: object): Promise<R> {
    return this.#inTurn(async () => {
      await send("POST", `${this.#url}/window`, { handle });
      return send<R>(method, this.#url + path, body);
    });
  }

  #inTurn<R>(act: () => Promise<R>): Promise<R> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

async function send<R>(method: string, url: string, body?: object): Promise<R> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = (await response.json()) as { value: unknown };
  if (!response.ok) throw new Error(`${method} ${url}: ${JSON.stringify(value)}`);
  return value as R;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
