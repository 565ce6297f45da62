/** Devices and commands as an app sees them, against a fake service. */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";

import { MemoryStore } from "../src/stores/memory_store.js";
import { SyncClient } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { FakeService } from "./fake_service.js";

const SEEN = "2026-11-26T12:00:00.000+00:00";

interface Opening {
  readonly url?: string;
  readonly service?: FakeService;
  readonly store?: MemoryStore;
  readonly getToken?: () => string | Promise<string>;
}

async function open(context: TestContext, opening: Opening = {}) {
  const { url = "ws://fake", service = new FakeService(), store = new MemoryStore() } = opening;
  const { getToken = () => "a-token" } = opening;
  const client = new SyncClient({ url, getToken, store, WebSocket: service.socketClass });
  context.after(() => client.close());
  await client.signIn("alice");
  return { service, client };
}

/** Resolves when it is so, which is looked at whenever something is another. */
function until(client: SyncClient, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) resolve();
    };
    for (const type of ["updated", "state", "resumed"] as const) client.addEventListener(type, look);
    look();
  });
}

test("devices are shown with who is online, until the connection ends", async (context) => {
  const { service, client } = await open(context);
  const seen: unknown[] = [];
  const unsubscribe = client.devices.subscribe((items) => seen.push(items));
  await until(client, () => client.state === "live" && client.devices.items !== undefined);
  await new Promise<void>((resolve) => {
    client.addEventListener("resumed", ({ collection }) => collection === "devices" && resolve());
  });
  service.tell({ type: "device_update", device_id: "tv", is_online: true, last_seen: SEEN });
  service.update("devices", { device_id: "tv", device_name: "Living room", capabilities: { can_cast: true } });
  await until(client, () => client.devices.items.length === 1);
  const tv = {
    device_id: "tv",
    device_name: "Living room",
    device_type: null,
    platform: null,
    capabilities: { can_cast: true },
    is_online: true,
    last_seen: SEEN,
    pending: false,
  };
  assert.deepEqual(client.devices.items, [tv]);
  assert.equal(client.devices.get("tv"), client.devices.items[0]);
  client.disconnect();
  await until(client, () => client.devices.get("tv")?.is_online === null && seen.at(-1) === client.devices.items);
  assert.deepEqual(client.devices.items, [{ ...tv, is_online: null, last_seen: null }]);
  unsubscribe();
});

test("an update of a device is shown at once and sent once, and not sent again if it says nothing new", async (context) => {
  const { service, client } = await open(context);
  const operation = client.devices.update("tv", { device_name: "Bedroom", platform: "webos" });
  assert.ok(operation);
  const confirmed = new Promise<unknown>((resolve) => {
    client.addEventListener("confirmed", ({ operation_id, device_id, status, collection }) =>
      resolve([operation_id === operation.operation_id, device_id, status, collection]),
    );
  });
  assert.deepEqual(await confirmed, [true, "tv", "updated", "devices"]);
  await until(client, () => client.devices.get("tv")?.pending === false);
  assert.equal(client.devices.update("tv", { device_name: "Bedroom", platform: null }), null);
  assert.throws(() => client.devices.update("tv", { device_name: "" }), { message: /^device_name: /u });
  assert.throws(() => client.devices.update("", {}), { message: /^device_id: /u });
  client.disconnect();
  await client.devices.forget("tv");
  assert.deepEqual([client.devices.items, client.queueLength], [[], 1]);
  client.connect();
  await until(client, () => client.queueLength === 0 && client.state === "live");
  const written = Array.from(service.written.values(), ({ type, operation: done, device_id, device_name }) => [
    [type, done, device_id].join(" "),
    device_name,
  ]);
  assert.deepEqual(written, [
    ["device_update update tv", "Bedroom"],
    ["device_update remove tv", undefined],
  ]);
});

test("a device may describe itself at each start: what the service knows is not written again", async (context) => {
  const [service, store] = [new FakeService(), new MemoryStore()];
  const words = { device_name: "Bedroom", capabilities: { can_cast: true } };
  for (const name of ["Bedroom", "Bedroom", "Kitchen"]) {
    const { client } = await open(context, { service, store });
    client.devices.update("tv", { ...words, device_name: name }); // before the part for registers is here
    client.progress.update(content(1), { position_seconds: 1, state: "paused" });
    client.progress.update(content(1), { position_seconds: 2, duration_seconds: 9, state: "paused" });
    client.progress.update(content(1), { position_seconds: 3, state: "paused" });
    await until(client, () => client.state === "live" && client.queueLength === 0);
    assert.equal(client.devices.get("tv")?.device_name, name);
    assert.equal(client.progress.get(content(1))?.duration_seconds, 9);
    await client.close();
  }
  const written = Array.from(service.written.values());
  assert.deepEqual(
    written.map(({ device_name, position_seconds }) => device_name ?? position_seconds),
    ["Bedroom", 3, 3, "Kitchen", 3],
  );
});

test("requests fail at once, and say why, while the app wants to be offline", async (context) => {
  const { client } = await open(context);
  client.disconnect();
  const offline = { message: /^this device is offline/u, status: null, code: null };
  await assert.rejects(client.send("tv", "pause"), offline);
  await assert.rejects(client.handoff("tv", content(1)), offline);
  await assert.rejects(client.lists(), offline);
  await assert.rejects(client.handoff("tv", "tt0111161"), { name: "TypeError", message: /^content_id: /u });
});

test("requests without a token say why there is none, and do not repeat the error of getToken", async (context) => {
  const broken = await open(context, { getToken: () => Promise.reject(new RangeError("a secret")) });
  await assert.rejects(broken.client.lists(), { message: "no token: getToken failed: RangeError", code: null });
  context.mock.timers.enable({ apis: ["setTimeout"] }); // before the client sets one that would keep this process
  const silent = await open(context, { getToken: () => new Promise<string>(() => undefined) });
  const asked = silent.client.lists();
  await new Promise((resolve) => setImmediate(resolve));
  context.mock.timers.tick(20_000);
  await assert.rejects(asked, { message: /^no token: .*does not answer/u, code: null });
});

test("requests with a malformed token say what is wrong with it, and not that the service was not reached", async (context) => {
  const tokens = ["a-token", "Bearer a-token", "a\ntoken", "", "ü"];
  const { client } = await open(context, { getToken: () => tokens.shift() ?? "" });
  await until(client, () => client.state === "live");
  const reasons = [
    "the token begins with 'Bearer '",
    "the token has a line break in it",
    "the token is empty",
    "the token has a character in it that no token has: U+00FC",
  ];
  for (const reason of reasons) await assert.rejects(client.lists(), { message: `no token: ${reason}`, status: null });
});

test("commands are plain requests, and a refusal is told by its code", async (context) => {
  const asked: unknown[] = [];
  const server = createServer(async (request, response) => {
    asked.push([request.url, await bodyOf(request)]);
    const isOffline = asked.length > 2;
    response.writeHead(isOffline ? 400 : 200, { "content-type": `application/${isOffline ? "problem+" : ""}json` });
    const problem = { status: 400, title: "Bad Request", detail: "tv is offline", code: "device_offline" };
    response.end(JSON.stringify(isOffline ? problem : { status: "sent", position_seconds: 90.5 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { client } = await open(context, { url });
  await client.send("tv", "seek", { position_seconds: 90 });
  assert.equal(await client.handoff("tv", content(1)), 90.5);
  await assert.rejects(client.send("tv", "pause"), { message: "tv is offline", status: 400, code: "device_offline" });
  assert.deepEqual(asked, [
    ["/api/v1/devices/commands", { target_device_id: "tv", command_type: "seek", payload: { position_seconds: 90 } }],
    ["/api/v1/devices/handoff", { target_device_id: "tv", content_id: content(1) }],
    ["/api/v1/devices/commands", { target_device_id: "tv", command_type: "pause" }],
  ]);
});

test("an answer that is not the service's is no success", async (context) => {
  const bodies = ["<html>Please log in</html>", "{}", "null", '"sent"'];
  let answer = "";
  const server = createServer((_, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const { client } = await open(context, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const kids = client.list("kids");
  for (answer of bodies)
    for (const call of [
      () => client.send("tv", "pause"),
      () => client.handoff("tv", content(1)),
      () => client.lists(),
      () => kids.rename("Kids"),
    ])
      await assert.rejects(call, { message: "the answer is not the service's", status: 200, code: null });
});

test("a command of another device is an event with all its fields", async (context) => {
  const { service, client } = await open(context);
  await until(client, () => client.state === "live");
  const told = new Promise<unknown>((resolve) => {
    client.addEventListener("command", ({ command, target_device, payload, from_device_id, position_seconds }) =>
      resolve([command, target_device, payload, from_device_id, position_seconds]),
    );
  });
  const payload = { content_id: content(1) };
  service.tell({ type: "device_command", command: "cast", target_device: "tv", payload, from_device_id: "phone" });
  assert.deepEqual(await told, ["cast", "tv", payload, "phone", null]);
});

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text);
}
