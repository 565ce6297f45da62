/** `URL` in the legacy builds: React Native's own accepts any text, and does not parse it (up to 0.77 at least). */

import { globalThis as everything } from "./legacy_global.js";

const ADDRESS =
  // biome-ignore lint/style/useNamedCaptureGroup: Chromium 63 has no named groups
  /^\s*([a-z][a-z0-9+.-]*:)\/\/(?:([^/?#@\\\s]*)@)?(\[[0-9a-f:.]+\]|[^/?#@:[\]\\\s]+)(?::(\d{1,5}))?(\/[^?#\\\s]*)?(\?[^#\s]*)?(#\S*)?\s*$/iu;
const MAX_PORT = 65_535;
const USUAL_PORTS: Readonly<Record<string, string>> = { "http:": "80", "ws:": "80", "https:": "443", "wss:": "443" };

/** The part of a `URL` that says where a service is. */
export class SmallUrl {
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;

  /** Throws a TypeError if `text` is no address with a host. */
  constructor(text: string) {
    const [address, protocol = "", user = "", host = "", port = "", pathname = "/", search = "", hash = ""] =
      ADDRESS.exec(text) ?? [];
    if (address === undefined || Number(port) > MAX_PORT) throw new TypeError("this is no address");
    const [username = "", ...password] = user.split(":");
    this.protocol = protocol.toLowerCase();
    this.username = username;
    this.password = password.join(":");
    const isUsual = port === "" || USUAL_PORTS[this.protocol] === port;
    this.host = host.toLowerCase() + (isUsual ? "" : `:${port}`);
    this.pathname = pathname;
    this.search = search;
    this.hash = hash;
  }
}

function readsAddresses(): boolean {
  try {
    return new everything.URL("http://host/path").host === "host";
  } catch {
    return false;
  }
}

/** The platform's `URL` if it parses addresses. */
const UsableUrl: new (text: string) => SmallUrl = readsAddresses() ? everything.URL : SmallUrl;

export { UsableUrl as URL };
