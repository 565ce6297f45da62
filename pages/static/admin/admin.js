/** The operator's page: how all nodes do, second by second, who is connected, and what can be done about it. */

import { ActionsPanel } from "./actions_panel.js";
import { AdminApi } from "./admin_api.js";
import { Chart, digits } from "./chart.js";
import { CollectionsPanel } from "./collections_panel.js";
import { part } from "./dom.js";
import { NodesPanel } from "./nodes_panel.js";
import { Rate, Series } from "./series.js";
import { showTokenHelp } from "./token_help.js";
import { UserPanel } from "./user_panel.js";

const TOKEN = "syncd-operator-token";
const INTERVAL_MS = 1000;

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
const nodesPanel = new NodesPanel((userId) => {
  part("user").scrollIntoView({ block: "center" });
  void userPanel.show(userId);
});
const collectionsPanel = new CollectionsPanel();
const panels = [userPanel, nodesPanel, new ActionsPanel()];
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
    void showTokenHelp();
    part("token").focus();
    return;
  }
  const api = new AdminApi(token);
  for (const panel of panels) panel.use(api);
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
      void showTokenHelp();
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
  const { nodes } = stats;
  const answering = nodes.map((node) => ({ ...node, ...(node.self ? stats : node.figures) })).filter(({ bus }) => bus);
  part("nodes").textContent =
    answering.length === nodes.length ? digits(nodes.length) : `${answering.length} of ${nodes.length}`;
  part("nodes").classList.toggle("is-ill", answering.length < nodes.length);
  part("connections").textContent = total(nodes, ({ connections }) => connections);
  part("users").textContent = total(nodes, ({ users }) => users);
  part("outbox").textContent = total(answering, ({ bus }) => bus.outbox);
  part("gaps").textContent = total(answering, ({ bus }) => bus.gaps_healed);
  judge(part("journal"), answering, ({ journal }) => journal.problem);
  judge(part("bus"), answering, ({ bus }) => bus.problem);
  if (answering.every(({ bus }) => bus.engine === "none")) noBus(part("bus"));
  nodesPanel.render(nodes);
  collectionsPanel.render(answering);
}

function total(nodes, figure) {
  return digits(nodes.reduce((sum, node) => sum + figure(node), 0));
}

/** Say how a part does: well on all nodes, or where not, and why. */
function judge(element, nodes, problemOf) {
  const ill = nodes.filter((node) => problemOf(node) !== null);
  const problems = ill.map((node) => (nodes.length === 1 ? problemOf(node) : `${node.node}: ${problemOf(node)}`));
  element.textContent = problems.join("; ") || "Works";
  element.classList.toggle("is-well", ill.length === 0);
  element.classList.toggle("is-ill", ill.length > 0);
}

/** No other node to reach: neither well nor ill. */
function noBus(element) {
  element.textContent = "none";
  element.classList.remove("is-well");
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
