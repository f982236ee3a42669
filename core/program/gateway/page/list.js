// The list: as many elements as fit on the screen, filled anew while it scrolls. The newest is on top.

import {$, make, perFrame, plural, setText, exactTimeOf} from "./dom.js";
import {DUPLICATE, REFUSED, STATES, STATE_KEYS} from "./messages.js";

const ROW_PX = 34, SPARE_ROWS = 6;
const REASONS = {no_user_id: "no user id", unsupported_call: "not for MoEngage", integrations_off: "integrations"};

export const reasonWords = (reason) => REASONS[reason] || (reason || "").replaceAll("_", " ");

function pill() {
  return make("span", {class: "pill"});
}

function newElement() {
  const cells = {
    time: make("span", {class: "time"}), source: make("span", {class: "source"}), call: make("span", {class: "call"}),
    event: make("span", {class: "event"}), user: make("span", {class: "user"}), legs: [pill(), pill()],
  };
  const element = make("div", {class: "row", role: "option"}, cells.time, cells.source, make("span", {class: "call-cell"}, cells.call),
    cells.event, cells.user, make("span", {class: "leg"}, cells.legs[0]), make("span", {class: "leg"}, cells.legs[1]));
  return {element, cells, seq: 0, version: -1, index: -1};
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}

export function showState(element, leg, row) {
  if (row.intake === REFUSED || row.intake === DUPLICATE) {
    setClass(element, "pill is-none");
    setText(element, "");
    element.title = "";
    return;
  }
  setClass(element, `pill is-${STATE_KEYS[leg.state]}`);
  setText(element, leg.state === 0 ? "—" : STATES[leg.state]);
  element.title = leg.reason ? reasonWords(leg.reason) : "";
}

function describe(row) {
  if (row.intake === REFUSED) return `rejected: ${reasonWords(row.reason)}`;
  if (row.intake === DUPLICATE) return "duplicate, left out";
  return `Segment ${STATES[row.legs[0].state]}, MoEngage ${STATES[row.legs[1].state]}`;
}

export class List {
  #pool = [];
  #following = true;
  #unseen = 0;

  // open(row) is called when a message is chosen to be looked at.
  constructor(messages, open) {
    this.messages = messages;
    this.open = open;
    this.selected = null; // the seq
    this.box = $("list");
    this.space = $("list-space");
    this.render = perFrame(() => this.#render());
    this.box.addEventListener("scroll", () => this.#scrolled(), {passive: true});
    this.box.addEventListener("click", (event) => this.#clicked(event));
    $("newer").addEventListener("click", () => this.toTop());
    new ResizeObserver(() => this.render()).observe(this.box);
  }

  // `added` new rows fit the filter; whoever reads further down must not lose the place.
  grew(added) {
    if (!this.#following && added > 0) {
      this.#unseen += added;
      this.#fitSpace();
      this.box.scrollTop += added * ROW_PX;
    }
    this.render();
  }

  restart() {
    this.#unseen = 0;
    this.#following = true;
    this.box.scrollTop = 0;
    this.render();
  }

  toTop() {
    this.restart();
    this.box.focus();
  }

  #fitSpace() {
    const height = `${this.messages.view.length * ROW_PX}px`;
    if (this.space.style.height !== height) this.space.style.height = height;
  }

  #scrolled() {
    this.#following = this.box.scrollTop < ROW_PX / 2;
    if (this.#following) this.#unseen = 0;
    this.render();
  }

  #clicked(event) {
    const element = event.target.closest(".row");
    const item = this.#pool.find((each) => each.element === element);
    if (item) this.select(item.seq, true);
  }

  // ---- which one is selected ----

  #position() { // from the top
    const {view} = this.messages;
    let low = 0, high = view.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (view[middle].seq === this.selected) return view.length - 1 - middle;
      if (view[middle].seq < this.selected) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  select(seq, andOpen = false) {
    this.selected = seq;
    this.render();
    const row = this.messages.bySeq.get(seq);
    if (row && andOpen) this.open(row);
  }

  // Moves by so many rows; from nothing it goes to the first one on the screen.
  move(by, andOpen) {
    const {view} = this.messages, last = view.length - 1;
    if (last < 0) return;
    const at = this.#position();
    const from = at < 0 ? Math.floor(this.box.scrollTop / ROW_PX) - Math.sign(by) : at;
    const to = Math.max(0, Math.min(last, from + by));
    this.#bringIntoView(to);
    this.select(view[last - to].seq, andOpen);
  }

  #bringIntoView(position) {
    const top = position * ROW_PX, {scrollTop, clientHeight} = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) this.box.scrollTop = top + ROW_PX - clientHeight;
  }

  openSelected() {
    if (this.#position() >= 0) this.select(this.selected, true);
  }

  // ---- drawing ----

  #render() {
    const {view} = this.messages;
    this.#fitSpace();
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - SPARE_ROWS);
    const count = Math.min(view.length - first, Math.ceil(this.box.clientHeight / ROW_PX) + 2 * SPARE_ROWS);
    while (this.#pool.length < count) {
      const item = newElement();
      item.element.id = `row-${this.#pool.length}`;
      this.#pool.push(item);
      this.space.append(item.element);
    }
    this.box.removeAttribute("aria-activedescendant");
    // A message keeps its element as long as it is on the screen: few of them change when new ones come.
    const free = new Map(this.#pool.map((item) => [item.seq, item]));
    const wanted = [];
    for (let i = 0; i < count; i++) {
      const row = view[view.length - 1 - first - i], item = free.get(row.seq);
      if (item) free.delete(row.seq);
      wanted.push([row, item, first + i]);
    }
    const rest = this.#pool.filter((item) => free.get(item.seq) === item || item.seq === 0);
    for (const [row, item, index] of wanted) this.#place(item || rest.pop(), row, index);
    for (const item of rest) this.#hide(item);
    $("newer").hidden = this.#following || this.#unseen === 0;
    setText($("newer"), `↑ ${plural(this.#unseen, "newer message")}`);
  }

  #hide(item) {
    item.element.hidden = true;
    item.seq = 0;
    item.version = -1;
  }

  #place(item, row, index) {
    const {element} = item, isSelected = row.seq === this.selected;
    if (element.hidden) element.hidden = false;
    if (item.index !== index) {
      element.style.transform = `translateY(${index * ROW_PX}px)`;
      element.setAttribute("aria-posinset", index + 1);
      item.index = index;
    }
    if (item.seq !== row.seq || item.version !== row.version) this.#fill(item, row);
    if (isSelected) this.box.setAttribute("aria-activedescendant", element.id);
    if (element.getAttribute("aria-selected") !== String(isSelected)) element.setAttribute("aria-selected", isSelected);
  }

  #fill(item, row) {
    const {cells, element} = item, isNew = item.seq !== row.seq;
    item.seq = row.seq;
    item.version = row.version;
    if (isNew) {
      setText(cells.time, exactTimeOf(row.time));
      setText(cells.source, row.source || "unknown");
      setText(cells.call, row.type || "?");
      setClass(cells.call, `call call-${/^(track|identify|page|screen|group|alias)$/.test(row.type) ? row.type : "other"}`);
      setText(cells.user, row.user);
      setClass(cells.user, row.isAnonymous ? "user is-anonymous" : "user");
      setText(cells.event, row.intake === REFUSED ? `${row.event ? `${row.event} · ` : ""}rejected: ${reasonWords(row.reason)}`
        : row.intake === DUPLICATE ? `${row.event ? `${row.event} · ` : ""}duplicate` : row.event || row.type);
      setClass(cells.event, row.event || row.intake === REFUSED ? "event" : "event is-unnamed");
      setClass(element, `row${row.intake === REFUSED ? " is-refused" : row.intake === DUPLICATE ? " is-duplicate" : ""}`);
      element.setAttribute("aria-setsize", this.messages.view.length);
    }
    row.legs.forEach((leg, i) => showState(cells.legs[i], leg, row));
    element.setAttribute("aria-label", `${row.type} ${row.event}, ${row.user || "no user"}, ${describe(row)}`);
  }
}
