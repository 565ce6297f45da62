/** Where the service is: its address as people have it, and as WebSockets are opened. */

import type { UrlLike } from "./platform.js";

/**
 * The service's address as `ws:` or `wss:`, without a slash at its end. Throws a TypeError where it is none; what it says
 * is not repeated: there may be a secret in it.
 */
export function addressOf(url: string | UrlLike): string {
  const { protocol, username, password, host, pathname, search, hash } = parsed(url);
  if (username || password || search || hash)
    throw new TypeError("url: must be the service's address without a user, a query and a fragment");
  const path = pathname.replace(/\/+$/u, "");
  if (path.endsWith("/ws")) throw new TypeError("url: must be the service's address without the /ws at its end");
  return `${protocol.replace("http", "ws")}//${host}${path}`;
}

function parsed(url: string | UrlLike): URL {
  try {
    const address = new URL(typeof url === "string" ? url : url.href);
    if (/^(?:http|ws)s?:$/u.test(address.protocol)) return address;
  } catch {
    // What the engine says repeats it.
  }
  throw new TypeError("url: must be the service's address with http:// or https://, such as https://sync.example.com");
}
