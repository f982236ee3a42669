// The messages that the page knows, in the order they came, and which of them the filters let through.

export const STATES = ["not sent", "queued", "in flight", "delivered", "retrying", "dead", "skipped"];
export const STATE_KEYS = ["none", "queued", "flight", "delivered", "retrying", "dead", "skipped"];
export const ACCEPTED = 0, DUPLICATE = 1, REFUSED = 2, DEAD = 5;

const leg = ([state, reason, tries, next]) => ({state, reason, tries, next});

function rowOf([seq, time, source, type, event, user, isAnonymous, id, intake, reason, segment, moengage]) {
  return {seq, time, source, type, event, user, isAnonymous: isAnonymous === 1, id, intake, reason,
    legs: [leg(segment), leg(moengage)], version: 0};
}

export class Messages {
  constructor() {
    this.capacity = 10000;
    this.filter = {event: "", user: "", source: "", destination: "", state: ""};
    this.clear();
  }

  clear() {
    this.rows = [];
    this.view = []; // those that fit the filter, in the same order
    this.bySeq = new Map();
    this.sources = new Set();
    this.events = new Map();
  }

  // How many of the new ones fit the filter.
  add(items) {
    const before = this.view.length;
    for (const item of items) {
      const row = rowOf(item);
      this.rows.push(row);
      this.bySeq.set(row.seq, row);
      if (row.source) this.sources.add(row.source);
      if (row.event && (this.events.size < 300 || this.events.has(row.event))) this.events.set(row.event, (this.events.get(row.event) || 0) + 1);
      if (this.fits(row)) this.view.push(row);
    }
    const added = this.view.length - before;
    this.#dropOldest();
    return added;
  }

  #dropOldest() {
    const over = this.rows.length - this.capacity;
    if (over <= 0) return;
    for (const row of this.rows.splice(0, over)) this.bySeq.delete(row.seq);
    const first = this.rows[0].seq;
    let gone = 0;
    while (gone < this.view.length && this.view[gone].seq < first) gone++;
    if (gone > 0) this.view.splice(0, gone);
  }

  // True when a row may have to appear or to go.
  update(items) {
    for (const [seq, segment, moengage] of items) {
      const row = this.bySeq.get(seq);
      if (!row) continue;
      row.legs = [leg(segment), leg(moengage)];
      row.version++;
    }
    if (this.filter.state === "") return false;
    this.refilter();
    return true;
  }

  setFilter(filter) {
    this.filter = {...this.filter, ...filter};
    this.refilter();
  }

  isFiltered() {
    return Object.values(this.filter).some((value) => value !== "");
  }

  refilter() {
    this.view = this.isFiltered() ? this.rows.filter((row) => this.fits(row)) : this.rows.slice();
  }

  fits(row) {
    const {event, user, source, destination, state} = this.filter;
    if (source && row.source !== source) return false;
    if (event && !`${row.event} ${row.type}`.toLowerCase().includes(event)) return false;
    if (user && !row.user.toLowerCase().includes(user)) return false;
    const legs = destination === "" ? row.legs : [row.legs[destination]];
    if (destination !== "" && legs[0].state === 0) return false;
    if (state === "") return true;
    if (state === "refused") return row.intake === REFUSED;
    if (state === "duplicate") return row.intake === DUPLICATE;
    return legs.some((each) => each.state === Number(state));
  }
}
