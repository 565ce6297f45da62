/** A site with a page that has the client under test as `SyncClientOfPage`, and with pages of other modules. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { bundle, ENTRIES, LEGACY_MODULE, PARTS } from "../builds.js";

export interface PageOptions {
  /** It has the legacy build. */
  readonly isLegacy?: boolean;
  /** What the page lacks: a global, or `a.b`. */
  readonly without?: readonly string[];
}

const PAGE = `<!doctype html><title>test</title><script>
  for (const name of new URLSearchParams(location.search).getAll("without")) {
    const path = name.split(".");
    const last = path.pop();
    Object.defineProperty(path.reduce((owner, part) => owner[part], window), last, { value: undefined });
  }
</script><script type="module">
  import { SyncClient } from "./MODULE";
  globalThis.SyncClientOfPage = SyncClient;
</script>`;
const PAGE_OF_MODULE = `<!doctype html><title>test</title><body><script type="module" src="/MODULE"></script>`;
const MODERN_FILE = "syncd-client.js";
/** The modules of the modern client that are loaded when they are needed. */
const PART_FILES: readonly string[] = Object.keys(PARTS).map((name) => `${name}.js`);
const LEGACY_FILE = "legacy.js";

export class Site {
  readonly #server = createServer(({ url = "/" }, response) => {
    const { pathname, searchParams } = new URL(url, this.origin);
    const name = pathname.slice(1);
    this.asked.push(name);
    const failures = this.failures.get(name) ?? 0;
    this.failures.set(name, failures - 1);
    if (failures > 0) {
      response.writeHead(503).end();
      return;
    }
    const script = this.#scripts.get(name);
    const module = `${name}.js`;
    const page = this.#scripts.has(module)
      ? PAGE_OF_MODULE.replace("MODULE", module)
      : PAGE.replace("MODULE", searchParams.get("module") ?? "");
    response.setHeader("content-type", script === undefined ? "text/html" : "text/javascript");
    response.end(script ?? page);
  });
  readonly #scripts = new Map<string, string>();
  origin = "";
  /** Files that pages have asked for, in order. */
  asked: string[] = [];
  /** How many of the next requests for a file fail. */
  readonly failures = new Map<string, number>();

  /** Have a page `/NAME` of this module. */
  addPage(name: string, script: string): void {
    this.#scripts.set(`${name}.js`, script);
  }

  async start(): Promise<void> {
    const { outputFiles } = await bundle([ENTRIES["syncd-client"]], { ...LEGACY_MODULE, write: false });
    for (const file of [MODERN_FILE, ...PART_FILES]) this.#scripts.set(file, readFileSync(`dist/${file}`, "utf8"));
    this.#scripts.set(LEGACY_FILE, outputFiles?.[0]?.text ?? "");
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }

  url({ isLegacy = false, without = [] }: PageOptions): string {
    const query = new URLSearchParams({ module: isLegacy ? LEGACY_FILE : MODERN_FILE });
    for (const name of without) query.append("without", name);
    return `${this.origin}/?${query}`;
  }
}
