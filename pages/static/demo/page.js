/** The page that shows what syncd does: several devices of one user, and the network between them and the daemon. */

import { FILMS, FIRST_LISTED, FOR_TONIGHT, titleOf } from "./catalogue.js";
import { ChangeTable } from "./change_table.js";
import { Changes, duration } from "./changes.js";
import { Device } from "./device.js";
import { DeviceCard, setText } from "./device_card.js";
import { Network } from "./network.js";
import { drawPosters } from "./posters.js";
import { steer } from "./remote.js";
import { Story } from "./story.js";

const KINDS = [
  { id: "tv", name: "TV", icon: "M3 5h18v11H3z M8 20h8" },
  { id: "laptop", name: "Laptop", icon: "M5 5h14v10H5z M2 19h20" },
  { id: "tablet", name: "Tablet", icon: "M6 3h12v18H6z M11 18h2" },
  { id: "phone", name: "Phone", icon: "M8 3h8v18H8z M11 18h2" },
];

const network = new Network();
const changes = new Changes();
const devices = KINDS.map((kind) => new Device(kind, network));
const [networkSwitch, disagreeButton, returnButton, announcer] = ["network", "disagree", "return", "announcer"].map(
  (id) => document.getElementById(id),
);

drawPosters(document.getElementById("posters"));
const story = new Story(devices, changes, network);
const table = new ChangeTable(devices);
const cards = new Map(
  devices.map((device, index) => {
    const onPress = (contentId) => press(device, contentId);
    const onMove = (contentId, place) => void move(device, contentId, place);
    const others = devices.filter((other) => other !== device);
    const onHandOver = (deviceId) => void handOver(device, deviceId);
    return [device, new DeviceCard(device, KINDS[index].icon, { onPress, onMove, others, onHandOver })];
  }),
);
const area = document.getElementById("devices");
area.append(...Array.from(cards.values(), (card) => card.element));
steer(area);

function press(device, contentId) {
  change(device, device.has(contentId) ? "remove" : "add", contentId);
}

function change(device, operation, contentId) {
  changes.begin(device.id, operation, contentId, performance.now());
  device[operation](contentId);
  story.changed();
  render();
}

function sentence({ message }) {
  return message.replace(/\.?$/u, ".");
}

async function handOver(device, deviceId) {
  const [title, other] = [titleOf(device.playback.contentId), devices.find(({ id }) => id === deviceId)];
  try {
    await device.handOver(other);
    story.tell(`${title} continues on the ${other.name}, where the ${device.name} has stopped.`);
  } catch (error) {
    story.tell(`${title} cannot continue on the ${other.name}: ${sentence(error)}`);
  }
  render();
}

async function move(device, contentId, index) {
  const title = titleOf(contentId);
  try {
    await device.place(contentId, index);
    story.changed();
    setText(announcer, `${title} is number ${index + 1} of ${device.tonight.length} on the ${device.name}.`);
  } catch (error) {
    story.tell(`${title} cannot be moved: ${sentence(error)}`);
  }
  render();
}

for (const device of devices) {
  device.addEventListener("look", () => {
    changes.reached(device.id, device.revision, performance.now());
    render();
  });
  device.addEventListener("flipped", ({ operation, contentId }) => {
    const cause = changes.cause(device.id, operation, contentId);
    const ms = cause && performance.now() - cause.startedMs;
    cards.get(device).flash(contentId, ms === undefined ? "" : duration(ms));
  });
  device.addEventListener("confirmed", ({ operation, contentId, revision }) => {
    changes.confirmed(device.id, operation, contentId, revision);
    render();
  });
  device.addEventListener("refused", ({ operation, contentId }) => {
    changes.refused(device.id, operation, contentId);
    render();
  });
}

networkSwitch.addEventListener("change", () => {
  if (networkSwitch.checked) {
    network.restore();
    for (const device of devices) if (!device.isStopped) device.goOnline();
  } else {
    network.cut();
  }
  render();
});

function returnAll() {
  networkSwitch.checked = true;
  network.restore();
  for (const device of devices) device.goOnline();
}

returnButton.addEventListener("click", returnAll);

/** Two devices that are not told of each other: one removes a film, the other removes it and adds it again. */
disagreeButton.addEventListener("click", async () => {
  disagreeButton.disabled = true;
  const film = FILMS.find(({ id }) => devices.some((device) => device.has(id))) ?? FILMS[0];
  const [one, , , other] = devices;
  returnAll();
  await until(() => devices.every((device) => device.state === "live" && device.queueLength === 0));
  if (!other.has(film.id)) change(other, "add", film.id);
  await until(() => devices.every((device) => device.has(film.id) && device.queueLength === 0));
  one.goOffline();
  other.goOffline();
  change(one, "remove", film.id);
  change(other, "remove", film.id);
  change(other, "add", film.id);
  disagreeButton.disabled = false;
});

/** Fulfilled when `isSo`, which is asked again whenever something happens to a device. */
function until(isSo) {
  return new Promise((resolve) => {
    const check = () => {
      if (!isSo()) return;
      for (const device of devices) device.removeEventListener("look", check);
      resolve();
    };
    for (const device of devices) device.addEventListener("look", check);
    check();
  });
}

/** Something to look at from the start: once all devices are live, and if nobody has ever changed the lists. */
async function listTheFirst() {
  await until(() => devices.every((device) => device.state === "live" && device.knowsTonight));
  if (devices.every((device) => device.revision === 0 && device.queueLength === 0))
    change(devices[0], "add", FIRST_LISTED.id);
  if (!devices.some((device) => device.wasTonightUsed))
    for (const [index, film] of FOR_TONIGHT.entries()) await devices[0].place(film.id, index);
}

let isRendering = false;

/** Show everything as it is, once for all that happens until the next frame: so that showing delays no arrival. */
function render() {
  if (isRendering) return;
  isRendering = true;
  requestAnimationFrame(() => {
    isRendering = false;
    const disputes = story.disputes();
    for (const card of cards.values()) card.render(disputes);
    table.render(changes);
    story.render();
    announce();
    returnButton.disabled = !network.isCut && devices.every((device) => !device.isStopped);
  });
}

let announced = null;

/** Tell those who listen: the latest change, once it is on every device that can be reached. */
function announce() {
  const [latest] = changes.list;
  if (latest === undefined || latest === announced || latest.state !== "saved") return;
  const others = devices.filter((device) => device.id !== latest.device && device.state === "live");
  if (!others.every((device) => latest.arrivals.has(device.id))) return;
  announced = latest;
  const arrivals = others.map((device) => `${device.name} ${duration(latest.arrivals.get(device.id))}`);
  const done = latest.operation === "add" ? "added" : "removed";
  setText(announcer, `${titleOf(latest.contentId)} ${done}: ${arrivals.join(", ") || "no other device is online"}.`);
}

try {
  const { user_id } = await network.token(devices[0].id);
  await Promise.all(devices.map((device) => device.start(user_id)));
  await listTheFirst();
} catch (error) {
  story.fail(`The devices cannot start: ${error.message}`);
}
