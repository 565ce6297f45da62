/** Where the service is: from the address that people use to the one that WebSockets need. */

import type { UrlLike } from "../platform/platform.js";

/**
 * The service's address as `ws:` or `wss:`, without a slash at its end. Throws a TypeError if it is not valid, without
 * repeating it: there may be a secret in it.
 */
export function addressOf(url: string | UrlLike): string {
  try {
    const { protocol, username, password, host, pathname, search, hash } = new URL(
      typeof url === "string" ? url : url.href,
    );
    const path = pathname.replace(/\/+$/u, "");
    if (/^(?:http|ws)s?:$/u.test(protocol) && !(username || password || search || hash || path.endsWith("/ws")))
      return `${protocol.replace("http", "ws")}//${host}${path}`;
  } catch {
    // The engine's own error repeats the address.
  }
  throw new TypeError(
    "url: must be the service's address, such as https://sync.example.com, without user, query, fragment and the " +
      "/ws at its end",
  );
}
