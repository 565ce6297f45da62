/** The operator's page: how this node does, second by second, and the connections of a user. */

import { AdminApi } from "./admin_api.js";
import { Chart, digits } from "./chart.js";
import { Rate, Series } from "./series.js";
import { UserPanel } from "./user_panel.js";

const TOKEN = "syncd-operator-token";
const INTERVAL_MS = 1000;

const part = (id) => document.getElementById(id);
const relays = new Series();
const relayRate = new Rate();
const percentiles = { p50: new Series(), p95: new Series(), p99: new Series() };
const charts = [
  new Chart(part("relays"), [{ name: "now", series: relays }]),
  new Chart(
    part("latency"),
    Object.entries(percentiles).map(([name, series]) => ({ name, series })),
  ),
];
const userPanel = new UserPanel();
let timer;

part("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, part("token").value.trim());
  part("token").value = "";
  open();
});

part("forget").addEventListener("click", () => {
  sessionStorage.removeItem(TOKEN);
  location.reload();
});

function open() {
  const token = sessionStorage.getItem(TOKEN);
  if (token === null) {
    show("sign-in");
    part("token").focus();
    return;
  }
  const api = new AdminApi(token);
  userPanel.use(api);
  clearTimeout(timer);
  void watch(api);
}

/** Ask again a second after each answer, as long as the token is good. */
async function watch(api) {
  try {
    const stats = await api.stats();
    render(stats);
    show("desk");
    say(`Node ${stats.node}, version ${stats.version}, ${upFor(stats.uptime_s)}`);
  } catch (error) {
    if (error.isAboutToken) {
      sessionStorage.removeItem(TOKEN);
      show("sign-in");
      say(error.message, true);
      return;
    }
    say(`${error.message} Trying again.`, true);
  }
  timer = setTimeout(watch, INTERVAL_MS, api);
}

function render(stats) {
  const nowMs = performance.now();
  const perSecond = relayRate.perSecond(nowMs, stats.messages_relayed);
  if (perSecond !== null) relays.push(nowMs, perSecond);
  for (const [name, series] of Object.entries(percentiles)) series.push(nowMs, stats.write_latency[`${name}_ms`]);
  for (const chart of charts) chart.render(nowMs);
  part("connections").textContent = digits(stats.connections);
  part("users").textContent = digits(stats.users);
  part("outbox").textContent = digits(stats.bus.outbox);
  part("gaps").textContent = digits(stats.bus.gaps_healed);
  judge(part("journal"), stats.journal.problem);
  judge(part("bus"), stats.bus.problem);
}

/** Say how a part does: well, or why not. */
function judge(element, problem) {
  element.textContent = problem ?? "Works";
  element.classList.toggle("is-well", problem === null);
  element.classList.toggle("is-ill", problem !== null);
}

function upFor(seconds) {
  if (seconds < 120) return "started just now";
  if (seconds < 7200) return `up for ${Math.floor(seconds / 60)} minutes`;
  return `up for ${Math.floor(seconds / 3600)} hours`;
}

function show(id) {
  for (const each of ["sign-in", "desk"]) part(each).hidden = each !== id;
  part("forget").hidden = id !== "desk";
}

function say(text, isTrouble = false) {
  if (part("status").textContent !== text) part("status").textContent = text;
  part("status").classList.toggle("is-trouble", isTrouble);
}

open();
