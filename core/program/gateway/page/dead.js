// The dead letters, as they lie in the spool directory, and sending them again.

import {$, DESTINATIONS, exactTimeOf, grouped, make, plural, replace, toast} from "./dom.js";
import {reasonWords} from "./list.js";
import {getText, post} from "./session.js";
import * as exact from "./exact.js";

const EVERY_MS = 1500, SURE_MS = 4000;
const NAMES = {segment: DESTINATIONS[0], moengage: DESTINATIONS[1]};

export class Dead {
  #letters = [];
  #trees = new Map(); // id to the exact message
  #chosen = new Set();
  #open = new Set();
  #filter = {destination: "", reason: ""};
  #jobs = -1;
  #timer = 0;
  #shown = "";

  constructor() {
    this.view = $("view-dead");
    this.total = 0;
  }

  setTotal(total) {
    this.total = total;
    $("dead-count").hidden = total === 0;
    $("dead-count").textContent = total > 999 ? "999+" : String(total);
  }

  // While the view is visible, the letters are looked at again and again.
  async watch() {
    clearTimeout(this.#timer);
    if (this.view.hidden) return;
    try {
      this.#take(await getText("dead"));
    } catch (problem) {
      if (this.#shown === "") replace(this.view, make("p", {class: "plain"}, problem.message));
    }
    this.#timer = setTimeout(() => this.watch(), this.#shown === "" ? 150 : EVERY_MS);
  }

  #take(text) {
    const answer = JSON.parse(text);
    if (answer.letters === null) return; // not read yet
    const said = JSON.stringify([answer.letters, answer.busy, this.total]);
    if (this.#jobs >= 0 && answer.jobs > this.#jobs)
      toast(answer.error || "The letters are put back and sent again within seconds", answer.error ? "bad" : "info");
    this.#jobs = answer.jobs;
    if (said === this.#shown) return;
    const letters = exact.get(exact.parse(text), "letters").items;
    this.#shown = said;
    this.#letters = answer.letters;
    this.#trees = new Map(answer.letters.map((letter, i) => [letter.id, exact.get(letters[i], "message")]));
    this.#chosen = new Set([...this.#chosen].filter((id) => this.#trees.has(id)));
    this.#show();
  }

  #fits(letter) {
    const {destination, reason} = this.#filter;
    return (!destination || letter.destination === destination) && (!reason || letter.reason === reason);
  }

  #show() {
    const focused = document.activeElement?.id;
    if (this.#letters.length === 0) {
      replace(this.view, make("div", {class: "empty"}, make("div", {class: "empty-mark is-good", "aria-hidden": "true"}, "✓"), make("h2", {}, "No dead letters"),
        make("p", {}, "A message that a destination refuses for good, or that grows too old, comes here with its reason. Nothing has.")));
      return;
    }
    const shown = this.#letters.filter((letter) => this.#fits(letter));
    const more = this.total - this.#letters.length;
    replace(this.view, make("div", {class: "dead-head"}, make("h2", {}, "Dead letters"),
      make("p", {class: "hint"}, more > 0 ? `The oldest ${grouped(this.#letters.length)} of ${grouped(this.total)}. ` : "", "They keep their reason and the last answer until they are sent again or dropped."),
      make("div", {class: "chips", role: "group", "aria-label": "Filter"}, this.#groups().map((group) => this.#chip(group))),
      make("div", {class: "actions"}, this.#chosenButton(), this.#allButton(shown))),
    make("div", {class: "letters", role: "list"}, [...shown].reverse().map((letter) => this.#letter(letter))));
    if (focused) $(focused)?.focus();
  }

  // ---- groups of a destination and reason ----

  #groups() {
    const groups = new Map();
    for (const {destination, reason} of this.#letters) {
      const key = `${destination} ${reason}`, group = groups.get(key) || {destination, reason, count: 0};
      group.count++;
      groups.set(key, group);
    }
    return [...groups.values()].sort((a, b) => b.count - a.count);
  }

  #chip({destination, reason, count}) {
    const isOn = this.#filter.destination === destination && this.#filter.reason === reason;
    return make("button", {class: "chip", id: `chip-${destination}-${reason}`, "aria-pressed": String(isOn), on: {click: () => {
      this.#filter = isOn ? {destination: "", reason: ""} : {destination, reason};
      this.#show();
    }}}, `${NAMES[destination] || destination}: ${reasonWords(reason)}`, make("b", {}, grouped(count)));
  }

  // ---- sending again ----

  #chosenButton() {
    const count = this.#chosen.size;
    return count > 0 && make("button", {class: "push strong", id: "resend-chosen", on: {click: () => this.#resend({id: [...this.#chosen]})}},
      `Send ${plural(count, "letter")} again`);
  }

  // Many at once: asked twice.
  #allButton(shown) {
    const isFiltered = this.#filter.destination !== "", count = isFiltered ? shown.length : Math.max(this.total, shown.length);
    const query = isFiltered ? {...this.#filter} : {all: true};
    const button = make("button", {class: "push", id: "resend-all"}, isFiltered ? `Send all of these again` : `Send all ${grouped(count)} again`);
    let isSure = false;
    button.addEventListener("click", () => {
      if (isSure) {
        this.#resend(query);
        return;
      }
      isSure = true;
      button.classList.add("is-asking");
      button.textContent = "Really all? Click once more";
      setTimeout(() => this.#show(), SURE_MS);
    });
    return button;
  }

  async #resend(query) {
    try {
      await post("dead/retry", query);
      this.#chosen.clear();
      this.watch();
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }

  // ---- a letter ----

  #letter(letter) {
    const {message} = letter, isOpen = this.#open.has(letter.id);
    const toggle = () => {
      if (isOpen) this.#open.delete(letter.id);
      else this.#open.add(letter.id);
      this.#show();
    };
    const box = make("input", {type: "checkbox", id: `choose-${letter.id}`, "aria-label": "Choose this letter", on: {change: () => {
      if (box.checked) this.#chosen.add(letter.id);
      else this.#chosen.delete(letter.id);
      this.#show();
    }}});
    box.checked = this.#chosen.has(letter.id);
    return make("article", {class: "letter", role: "listitem", "data-id": letter.id},
      make("div", {class: "letter-line"}, box,
        make("button", {class: "letter-open", id: `open-${letter.id}`, "aria-expanded": String(isOpen), on: {click: toggle}},
          make("span", {class: `call call-${message.type}`}, message.type), make("b", {}, message.event || message.name || ""),
          make("span", {class: "user"}, String(message.userId || message.anonymousId || ""))),
        make("span", {class: "letter-why"}, make("span", {class: "pill is-dead"}, NAMES[letter.destination] || letter.destination), " ",
          make("code", {}, letter.status ? `${letter.status} ` : "", reasonWords(letter.reason))),
        make("time", {}, exactTimeOf(Date.parse(letter.died_at)))),
      make("p", {class: "said"}, letter.answer || "no answer was kept", make("small", {}, ` · ${plural(letter.attempts, "attempt")} · source ${letter.source}`)),
      isOpen && make("pre", {class: "json", tabindex: "0"}, exact.write(this.#trees.get(letter.id))));
  }
}
