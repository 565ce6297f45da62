/** A program in Node, with the WebSocket of the package `ws`. */

import { once } from "node:events";

import { SyncClient } from "syncd-client";
import { WebSocket } from "ws";

export const client = new SyncClient({ url: new URL("https://sync.example.com"), getToken: () => "a", WebSocket });

export async function live(): Promise<void> {
  await Promise.all([once(client, "resumed"), client.signIn("ann")]);
}
