/** A page. */

import { SyncClient } from "syncd-client";

const { signal } = new AbortController();
export const client = new SyncClient({ url: new URL(location.href), getToken: () => null, WebSocket });
export const target: EventTarget = client;

client.addEventListener("progress", ({ position }) => document.title.padEnd(position), { signal });
