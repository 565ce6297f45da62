/** An app without the browser's and Node's types: React Native, for example. */

import { type Action, type ClientEvent, type ListItem, readToken, type State, SyncClient } from "syncd-client";

const address = { href: "https://sync.example.com" };
const client = new SyncClient({ url: address, getToken: async () => null, database: null });

client.addEventListener("confirmed", ({ type, operation, revision }) => {
  const told: [name: "confirmed", action: Action, revision: number | null] = [type, operation, revision];
  return told;
});
const onRefused = (event: ClientEvent<"refused">): string => `${event.code}: ${event.message}`;
client.addEventListener("refused", onRefused, { once: true });
client.removeEventListener("refused", onRefused);
client.addEventListener("updated", { handleEvent: () => undefined });

// @ts-expect-error: such an event has no such field
client.addEventListener("updated", ({ revision }) => revision);
// @ts-expect-error: getToken is missing
export const incomplete = new SyncClient({});

export const shown: readonly ListItem[] = client.items;
export const state: State = client.state;
export const user: string | undefined = readToken("a.b.c").sub;
