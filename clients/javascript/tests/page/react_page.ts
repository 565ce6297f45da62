/** Functions that the tests of the hooks call in their page, which is bundled with React 18 or 19. */

import {
  createElement as element,
  memo,
  type ReactElement,
  // biome-ignore lint/correctness/noUnresolvedImports: a CommonJS module
  StrictMode,
  startTransition,
  useLayoutEffect,
  useState,
  // biome-ignore lint/correctness/noUnresolvedImports: the same
  version,
} from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";

import {
  useCatalogue,
  useCommands,
  useDevices,
  useItem,
  useList,
  useProgress,
  useSyncState,
  useWatchlist,
} from "../../src/react.js";
import { type ListItem, SyncClient } from "../../src/syncd-client.js";
import { content } from "../contents.js";
import { FakeService } from "../fake_service.js";

const [A, B, C] = [content(1), content(2), content(3)];
const SNAPSHOT: readonly ListItem[] = [
  { content_id: C, pending: false, timestamp: { physical: 1, logical: 0, node: "n" }, device_id: null },
];
const SLOW_MS = 2;
const READERS = 60;

const service = new FakeService();
service.catalogue.push({ list: "kids", name: "For the kids" });
const renders = { item: 0 };
/** How many listeners all clients have together. */
let listeners = 0;
count("addEventListener", 1);
count("removeEventListener", -1);
const errors: string[] = [];

function count(name: "addEventListener" | "removeEventListener", step: number): void {
  const original = EventTarget.prototype[name];
  EventTarget.prototype[name] = function (this: EventTarget, ...given: never): void {
    if (this instanceof SyncClient) listeners += step;
    original.apply(this, given);
  };
}

function newClient(): SyncClient {
  const options = { url: "ws://fake", getToken: () => "a-token", database: null };
  return new SyncClient({ ...options, WebSocket: service.socketClass });
}

function numbersOf(items: readonly ListItem[]): string {
  return items.map((item) => Number(item.content_id.slice(-12))).join(" ");
}

function List({ client, snapshot }: { client: SyncClient | null; snapshot?: readonly ListItem[] }): ReactElement {
  return element("p", { id: "list" }, numbersOf(useWatchlist(client, snapshot)));
}

function Kids({ client }: { client: SyncClient | null }): ReactElement {
  return element("p", { id: "kids" }, numbersOf(useList(client, "kids", SNAPSHOT)));
}

const Item = memo(({ client, id }: { client: SyncClient; id: string | null }): ReactElement => {
  renders.item += 1;
  return element("p", { id: "item" }, String(useItem(client, id)?.pending ?? "none"));
});

function Status({ client }: { client: SyncClient | null }): ReactElement {
  const { user, state, queueLength } = useSyncState(client);
  return element("p", { id: "status" }, `${user} ${state} ${queueLength}`);
}

function Played({ client }: { client: SyncClient | null }): ReactElement {
  const [command, setCommand] = useState("none");
  const positions = useProgress(client).map(({ position_seconds }) => position_seconds);
  const devices = useDevices(client).map(({ device_id }) => device_id);
  const lists = useCatalogue(client).map(({ list }) => list);
  useCommands(client, (event) => setCommand(`${event.command} ${positions}`)); // as of the latest rendering
  return element("p", { id: "played" }, [...positions, ...devices, ...lists, command].join(" "));
}

function text(id: string): string {
  return document.getElementById(id)?.textContent ?? "";
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve));
}

function newRoot(): HTMLElement {
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  return root;
}

/** One of many that read the list, each too slow for all to be rendered in one go. */
function Reader({ client }: { client: SyncClient }): ReactElement {
  const { length } = useWatchlist(client);
  const untilMs = performance.now() + SLOW_MS;
  while (performance.now() < untilMs);
  return element("i", null, length);
}

const page = {
  /** What an app shows while its list changes, in strict mode. */
  async change(): Promise<string[]> {
    const client = newClient();
    const parts = [List, Kids, Status, Played].map((part) => element(part, { key: part.name, client }));
    const root = createRoot(newRoot());
    root.render(element(Kids, { client: null }));
    await until(() => text("kids") === "3"); // what a server has shown, as long as there is no client
    root.render(element(StrictMode, null, ...parts, element(Item, { key: "item", client, id: A.toUpperCase() })));
    await until(() => text("status") === "null signed_out 0");
    const shown = [version, `${text("list")}|${text("item")}`];
    await client.signIn("alice");
    await until(() => text("status") === "alice live 0");
    client.add(A.toUpperCase());
    await until(() => text("item") === "false" && text("status") === "alice live 0");
    const before = renders.item;
    client.list("kids").add(B);
    await until(() => text("kids") === "2" && text("status") === "alice live 0");
    service.change("add", [B]);
    await until(() => text("list") === "2 1");
    shown.push(`${text("list")}|${text("item")}|${text("kids")}`, `${renders.item - before} renders more`);
    await client.remove(A);
    await until(() => text("item") === "none" && text("list") === "2");
    client.progress.update(A, { position_seconds: 7 });
    service.update("devices", { device_id: "tv" });
    await until(() => text("played") === "7 tv kids none");
    service.tell({ type: "device_command", command: "play" });
    await until(() => text("played") === "7 tv kids play 7");
    await client.signOut({ erase: true });
    await until(() => text("status") === "null signed_out 0" && text("list") === "");
    root.unmount();
    await client.close();
    await new Promise((resolve) => setTimeout(resolve));
    shown.push(`${listeners} listeners`);
    return shown;
  },

  /** How many different lengths of the list were on the screen at once, at most, while it changed during a rendering. */
  async tear(): Promise<number> {
    const client = newClient();
    await client.signIn("bob");
    await until(() => client.state === "live");
    let most = 0;
    let isShown = false;
    let show = (): void => undefined;
    const App = (): ReactElement => {
      const [readers, setReaders] = useState(0);
      show = () => startTransition(() => setReaders(READERS));
      useLayoutEffect(() => {
        most = Math.max(most, new Set(Array.from(document.querySelectorAll("i"), (each) => each.textContent)).size);
        isShown = readers > 0;
      });
      return element("div", null, ...Array.from({ length: readers }, (_, key) => element(Reader, { key, client })));
    };
    const root = createRoot(newRoot());
    root.render(element(App));
    await until(() => document.querySelector("div div") !== null);
    show();
    for (let number = 10; !isShown; number += 1) {
      service.change("add", [content(number)]);
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    }
    root.unmount();
    await client.close();
    return most;
  },

  /** What a server renders, what the page shows during hydration and after it, and what React complained about. */
  async hydrate(): Promise<string[]> {
    const complain = console.error;
    console.error = (...words: unknown[]) => errors.push(words.join(" "));
    const app = (client: SyncClient | null) =>
      element(
        "div",
        null,
        element(List, { client, snapshot: SNAPSHOT }),
        element(Kids, { client }),
        element(Status, { client }),
        element(Played, { client }),
      );
    const html = renderToString(app(null));
    const root = newRoot();
    root.innerHTML = html;
    const client = newClient();
    await client.signIn("carol");
    const hydrated = hydrateRoot(root, app(client), { onRecoverableError: (error) => errors.push(String(error)) });
    await until(() => text("status") === "carol live 0");
    const shown = [
      html.split(">3<").length === 3 ? "3" : html, // of both lists
      text("list") === numbersOf(client.items) && text("kids") === "" ? "client" : text("list"),
    ];
    hydrated.unmount();
    await client.close();
    console.error = complain;
    return [...shown, ...errors];
  },
};

export type ReactPage = typeof page;

Object.assign(globalThis, { page });
