// The page as a whole: the session, the stream of what passes, the views, the keys.

import {$, copy, grouped, make, plural, replace, setText, short, toast} from "./dom.js";
import {Dead} from "./dead.js";
import {Detail} from "./detail.js";
import {List, reasonWords} from "./list.js";
import {Messages} from "./messages.js";
import {Overview} from "./overview.js";
import * as session from "./session.js";

const AGAIN_MS = 2000, TYPING_MS = 200, HELD_MAX = 10000;
const FILTERS = ["event", "user", "source", "destination", "state"];
const TABS = ["messages", "overview", "dead"];

const messages = new Messages();
const detail = new Detail(() => $("list").focus());
const list = new List(messages, (row) => detail.open(row));
const overview = new Overview();
const dead = new Dead();

let stream = null;
let text = ""; // what is looked for, by the gateway
let isPaused = false, held = [];
let missed = 0;

// ---- what comes ----

function setLink(state, words) {
  $("link").dataset.link = state;
  setText($("link-words"), words);
}

function showStatus() {
  const all = messages.rows.length, shown = messages.view.length, isFiltered = messages.isFiltered() || text !== "";
  setText($("status-shown"), isFiltered ? `${grouped(shown)} of ${grouped(all)} shown` : `${grouped(all)} of the last ${grouped(messages.capacity)}`);
  setText($("status-rate"), isPaused ? `paused, ${plural(held.length, "message")} held` : `${short(overview.rate)} a second`);
  $("status-missed").hidden = missed === 0;
  setText($("status-missed"), `${grouped(missed)} went by faster than a page shows them`);
  $("filter-clear").hidden = !isFiltered;
  showEmpty(isFiltered);
}

function showEmpty(isFiltered) {
  const box = $("empty"), isEmpty = messages.view.length === 0, kind = !isEmpty ? "" : isFiltered ? "filtered" : "nothing";
  if (box.dataset.kind === kind) return;
  box.dataset.kind = kind;
  box.hidden = !isEmpty;
  if (kind === "filtered")
    replace(box, make("div", {class: "empty-mark", "aria-hidden": "true"}, "⌕"), make("h2", {}, "No message fits"),
      make("p", {}, "Of those that the gateway keeps. New ones that fit appear here."), make("button", {class: "push", on: {click: clearFilters}}, "Clear the filters"));
  if (kind === "nothing") {
    const example = `curl ${location.origin}/v1/track -u "$SEGMENT_WRITE_KEY:" \\\n  -d '{"userId": "u-1", "event": "Order Completed", "properties": {"orderTotal": 9.99}}'`;
    replace(box, make("div", {class: "empty-mark is-waiting", "aria-hidden": "true"}, make("i"), make("i"), make("i")), make("h2", {}, "Waiting for the first message"),
      make("p", {}, "Point a Segment library at this gateway, or send one by hand. It appears here the moment it arrives."),
      make("div", {class: "example"}, make("pre", {}, example), make("button", {class: "push", on: {click: () => copy(example, "The command")}}, "Copy")));
  }
}

function showSources() {
  const select = $("filter-source");
  for (const source of messages.sources)
    if (![...select.options].some((option) => option.value === source)) select.append(make("option", {value: source}, source));
  const known = $("events");
  if (known.children.length !== messages.events.size)
    replace(known, [...messages.events.keys()].sort().map((event) => make("option", {value: event})));
}

function takeRows(items) {
  if (isPaused) {
    held.push(...items);
    if (held.length > HELD_MAX) held.splice(0, held.length - HELD_MAX);
  } else {
    list.grew(messages.add(items));
    showSources();
  }
  showStatus();
}

function takeStates(items) {
  if (isPaused) {
    const bySeq = new Map(items.map((item) => [item[0], item]));
    held = held.map((row) => (bySeq.has(row[0]) ? [...row.slice(0, 10), ...bySeq.get(row[0]).slice(1)] : row));
  }
  messages.update(items);
  list.render();
  for (const [seq] of items) detail.changed(seq);
}

function takePauses(pauses) {
  const box = $("pauses"), said = JSON.stringify(pauses);
  if (box.dataset.said === said) return;
  box.dataset.said = said;
  replace(box, pauses.map(({destination, source, reason, status, remedy}) => make("p", {},
    make("b", {}, `${destination === "segment" ? "Segment" : "MoEngage"} is paused for ${source || "a source"}`),
    ` ${status ? `${status} ` : ""}${reasonWords(reason)}. ${remedy}. Messages wait; none is lost.`)));
}

function takeHello({capacity}) {
  messages.capacity = capacity;
  messages.clear();
  overview.clear();
  held = [];
  missed = 0;
  list.restart();
  setLink(isPaused ? "paused" : "live", isPaused ? "paused" : "live");
  showStatus();
}

// ---- the stream ----

function connect() {
  stream?.close();
  const mine = new EventSource(`/debug/api/stream?text=${encodeURIComponent(text)}`);
  const on = (name, take) => mine.addEventListener(name, (event) => mine === stream && take(JSON.parse(event.data)));
  stream = mine;
  on("hello", takeHello);
  on("rows", takeRows);
  on("states", takeStates);
  on("missed", (count) => {
    missed += count;
    showStatus();
  });
  on("seconds", (seconds) => overview.add(seconds));
  on("now", (now) => {
    overview.setNow(now);
    dead.setTotal(now.dead_letters);
    takePauses(now.pauses);
    showStatus();
  });
  mine.onerror = () => {
    if (mine !== stream) return;
    setLink("off", "no connection");
    if (mine.readyState === EventSource.CLOSED) setTimeout(reconnect, AGAIN_MS);
  };
}

// The gateway refused: without a session it wants the token again, else it may be full or away.
async function reconnect() {
  try {
    if (await session.resume()) connect();
    else showSignIn();
  } catch {
    setTimeout(reconnect, AGAIN_MS);
  }
}

// ---- filters ----

function readFilters() {
  const filter = Object.fromEntries(FILTERS.map((name) => [name, $(`filter-${name}`).value.trim()]));
  messages.setFilter({...filter, event: filter.event.toLowerCase(), user: filter.user.toLowerCase()});
  list.restart();
  showStatus();
}

let typing = 0;
function readText() {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const wanted = $("filter-text").value.trim().slice(0, 100);
    if (wanted === text) return;
    text = wanted;
    connect();
  }, TYPING_MS);
}

function clearFilters() {
  FILTERS.forEach((name) => ($(`filter-${name}`).value = ""));
  $("filter-text").value = "";
  readFilters();
  readText();
}

function setPaused(paused) {
  isPaused = paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  setText($("pause-words"), paused ? "Go on" : "Pause");
  if (stream?.readyState === EventSource.OPEN) setLink(paused ? "paused" : "live", paused ? "paused" : "live");
  if (!paused) {
    const items = held;
    held = [];
    takeRows(items);
  }
  showStatus();
}

// ---- views ----

function showTab(name, andFocus = false) {
  for (const tab of TABS) {
    const isShown = tab === name, button = $(`tab-${tab}`);
    button.setAttribute("aria-selected", String(isShown));
    button.tabIndex = isShown ? 0 : -1;
    $(`view-${tab}`).hidden = !isShown;
    if (isShown && andFocus) button.focus();
  }
  overview.show();
  dead.watch();
  list.render();
}

function currentTab() {
  return TABS.find((tab) => !$(`view-${tab}`).hidden);
}

function showSignIn() {
  stream?.close();
  stream = null;
  setLink("off", "not open");
  document.body.classList.add("is-closed");
  $("sign-in").hidden = false;
  $("token").focus();
}

function start() {
  document.body.classList.remove("is-closed");
  $("sign-in").hidden = true;
  showStatus();
  connect();
  $("list").focus();
}

// ---- keys ----

const KEYS = {
  j: () => list.move(1, detail.isOpen), ArrowDown: () => list.move(1, detail.isOpen),
  k: () => list.move(-1, detail.isOpen), ArrowUp: () => list.move(-1, detail.isOpen),
  PageDown: () => list.move(15, detail.isOpen), PageUp: () => list.move(-15, detail.isOpen),
  Home: () => list.move(-1e9, detail.isOpen), End: () => list.move(1e9, detail.isOpen),
  Enter: () => list.openSelected(),
  "[": () => detail.chooseForm(-1), "]": () => detail.chooseForm(1),
  c: () => detail.copyCurl(), r: () => detail.resend(),
};

function escape() {
  if (detail.isOpen) detail.close();
  else clearFilters();
}

function onKey(event) {
  const {target, key} = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !$("sign-in").hidden || $("help").open) return;
  const isTyping = target.matches("input, textarea, select");
  if (key === "Escape") {
    if (isTyping) $("list").focus();
    else if (currentTab() === "messages") escape();
    return;
  }
  if (isTyping) {
    if (key === "ArrowDown" && target.id === "filter-text") $("list").focus();
    return;
  }
  if (key === "?") $("help").showModal();
  else if (key === "/") {
    showTab("messages");
    $("filter-text").select();
  } else if (key === "p") setPaused(!isPaused);
  else if (TABS[Number(key) - 1]) showTab(TABS[Number(key) - 1]);
  else if (currentTab() !== "messages" || !KEYS[key]) return;
  else if ((key === "Enter" || key.startsWith("Arrow")) && target.closest("button, a, pre, .plot")) return;
  else if (target.closest(".detail") && /^(Page|Home|End|Arrow)/.test(key)) return; // scrolls the pane
  else KEYS[key]();
  event.preventDefault();
}

function onTabKey(event) {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) showTab(TABS[(TABS.indexOf(currentTab()) + by + TABS.length) % TABS.length], true);
}

// ---- the start ----

function listen() {
  TABS.forEach((tab) => $(`tab-${tab}`).addEventListener("click", () => showTab(tab)));
  document.querySelector(".tabs").addEventListener("keydown", onTabKey);
  FILTERS.forEach((name) => $(`filter-${name}`).addEventListener("input", readFilters));
  $("filter-text").addEventListener("input", readText);
  $("filter-clear").addEventListener("click", clearFilters);
  $("pause").addEventListener("click", () => setPaused(!isPaused));
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("leave").addEventListener("click", async () => {
    await session.leave().catch((problem) => toast(problem.message, "bad"));
    showSignIn();
  });
  $("sign-in-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    setText($("sign-in-wrong"), "");
    try {
      await session.enter($("token").value.trim());
      $("token").value = "";
      start();
    } catch (problem) {
      setText($("sign-in-wrong"), problem.message);
    }
  });
  document.addEventListener("keydown", onKey);
}

listen();
session.resume().then((has) => (has ? start() : showSignIn()), (problem) => {
  setText($("sign-in-wrong"), problem.message);
  showSignIn();
});
