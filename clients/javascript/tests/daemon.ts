/** The real daemon, as a child of a test. */

import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

export const ROOT = join(process.cwd(), "../..");
export const PYTHON = process.env["SYNCD_PYTHON"] ?? join(ROOT, ".venv/bin/python");
const SECRET = "the secret of these tests, 32 bytes and more";

export class Daemon {
  readonly #dataDir = mkdtempSync(join(tmpdir(), "syncd-javascript-"));
  readonly #options: readonly string[];
  #process: ChildProcess | null = null;
  url = "";

  constructor(...options: string[]) {
    this.#options = options;
  }

  /** Resolves when it listens: the first time on any free port, then on the same one again. */
  async start(): Promise<void> {
    const port = this.url === "" ? "0" : new URL(this.url).port;
    const flags = ["--port", port, "--data-dir", this.#dataDir, "--jwt-secret", SECRET, ...this.#options];
    const child = spawn(PYTHON, ["-m", "syncd", ...flags], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const address = /http:\/\/[\d.]+:\d+/u.exec(line);
      if (address === null) continue;
      this.url = address[0];
      child.stdout.resume(); // or it would stop at a full pipe
      return;
    }
    throw new Error("the daemon ended before it listened");
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode !== null) return;
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#dataDir, { recursive: true });
  }

  async watchlist(user: string): Promise<{ revision: number; items: { content_id: string }[] }> {
    const headers = { authorization: `Bearer ${mint(user, "tester")}` };
    return (await fetch(`${this.url}/api/v1/sync/watchlist`, { headers })).json() as never;
  }
}

/** A token as a company's login service would make it. */
export function mint(user: string, device: string, lifetimeS = 3600): string {
  const claims = { sub: user, device_id: device, exp: Math.floor(Date.now() / 1000) + lifetimeS };
  const signed = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => base64url(JSON.stringify(part))).join(".");
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
