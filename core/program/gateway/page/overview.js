// Figures and charts over the last minutes. What comes of a second is
// [at, accepted, refused, duplicates, oldest_ms, [leg, leg], {reason: count}], a leg being
// [delivered, skipped, dead, requests, failed, pending, p50_ms, p95_ms, p99_ms].

import {$, DESTINATIONS, grouped, make, replace, short, span} from "./dom.js";
import {Chart} from "./charts.js";
import {reasonWords} from "./list.js";

const RANGES = [[60, "1 min"], [300, "5 min"], [900, "15 min"]];
const POINTS = 150; // a chart shows at most about so many: several seconds become one point
const REASONS_SHOWN = 5;
const PENDING = 5, P50 = 6, P99 = 8;

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0);
const known = (values) => values.filter((value) => value !== null);

function tile(label) {
  const value = make("strong", {}, "—"), more = make("small");
  return {element: make("div", {class: "tile"}, make("span", {}, label), value, more), value, more};
}

export class Overview {
  #seconds = [];
  #now = null;
  #range = 300;

  constructor() {
    this.view = $("view-overview");
    this.tiles = {
      accepted: tile("Accepted"), segment: tile("Delivered to Segment"), moengage: tile("Delivered to MoEngage"),
      waiting: tile("Waiting"), oldest: tile("Oldest waiting"), dead: tile("Dead letters"),
    };
    const latency = (name) => new Chart({title: `Latency, ${name}`, hint: "of requests", format: span,
      series: [{name: "p50", key: "p50"}, {name: "p95", key: "p95"}, {name: "p99", key: "p99"}]});
    this.charts = {
      throughput: new Chart({title: "Throughput", hint: "messages a second", format: short, area: true, series: [
        {name: "accepted", key: "accepted"}, {name: "to Segment", key: "segment"}, {name: "to MoEngage", key: "moengage"}]}),
      failures: new Chart({title: "Failures by reason", hint: "rejected messages and failed requests", format: short, stacked: true, whole: true, series: []}),
      segment: latency("Segment"), moengage: latency("MoEngage"),
      age: new Chart({title: "Queue age", hint: "of the oldest message that waits", format: span, area: true, series: [{name: "oldest", key: "age"}]}),
      waiting: new Chart({title: "Queue length", hint: "messages that wait", format: short, whole: true, series: [
        {name: "for Segment", key: "segment"}, {name: "for MoEngage", key: "moengage"}]}),
    };
    this.ranges = make("div", {class: "switch", role: "group", "aria-label": "Time shown"}, RANGES.map(([seconds, words]) =>
      make("button", {"data-seconds": seconds, "aria-pressed": String(seconds === this.#range), on: {click: () => this.#setRange(seconds)}}, words)));
    this.accounts = make("div", {class: "accounts"});
    replace(this.view, make("div", {class: "overview-head"}, make("h2", {}, "Overview"), this.ranges),
      make("div", {class: "tiles"}, Object.values(this.tiles).map(({element}) => element)),
      make("div", {class: "charts"}, Object.values(this.charts).map(({element}) => element)), this.accounts);
  }

  clear() {
    this.#seconds = [];
  }

  #setRange(seconds) {
    this.#range = seconds;
    for (const button of this.ranges.children) button.setAttribute("aria-pressed", String(Number(button.dataset.seconds) === seconds));
    this.show();
  }

  add(seconds) {
    this.#seconds.push(...seconds);
    if (this.#seconds.length > 900) this.#seconds.splice(0, this.#seconds.length - 900);
  }

  setNow(now) {
    this.#now = now;
    this.show();
  }

  // Messages accepted in the last second.
  get rate() {
    const last = this.#seconds[this.#seconds.length - 1];
    return last ? last[1] + last[2] + last[3] : 0;
  }

  show() {
    if (this.view.hidden) return;
    this.#showCharts();
    if (this.#now) this.#showNow();
  }

  // ---- points ----

  // The range as lists of seconds; before the gateway started there was nothing.
  #bins() {
    const width = Math.max(1, Math.round(this.#range / POINTS));
    const byTime = new Map(this.#seconds.map((second) => [second[0], second]));
    const end = this.#seconds.length ? this.#seconds[this.#seconds.length - 1][0] : Math.floor(Date.now() / 1000);
    const bins = [], first = Math.floor((end - this.#range) / width) * width + width;
    for (let at = first; at <= end; at += width) {
      const seconds = [];
      for (let i = 0; i < width; i++) if (byTime.has(at + i)) seconds.push(byTime.get(at + i));
      bins.push({at, seconds});
    }
    return bins;
  }

  #showCharts() {
    const bins = this.#bins(), {throughput, failures, age: queueAge, waiting} = this.charts;
    const points = (values) => bins.map(({at, seconds}) => ({at, values: values(seconds)}));
    throughput.show(points((seconds) => [mean(seconds.map((second) => second[1])),
      ...[0, 1].map((i) => mean(seconds.map((second) => second[5][i][0])))]));
    ["segment", "moengage"].forEach((name, i) => this.charts[name].show(points((seconds) => {
      const of = (column) => known(seconds.map((second) => second[5][i][column]));
      const middle = of(P50);
      return [middle.length ? mean(middle) : null, ...[P50 + 1, P99].map((column) => (of(column).length ? Math.max(...of(column)) : null))];
    })));
    queueAge.show(points((seconds) => [Math.max(0, ...seconds.map((second) => second[4]))]));
    waiting.show(points((seconds) => [0, 1].map((i) => Math.max(0, ...seconds.map((second) => second[5][i][PENDING])))));
    this.#showFailures(failures, bins);
  }

  // The most frequent reasons by name, the rest together.
  #showFailures(chart, bins) {
    const sums = new Map();
    for (const {seconds} of bins)
      for (const second of seconds)
        for (const [reason, count] of Object.entries(second[6])) sums.set(reason, (sums.get(reason) || 0) + count);
    const named = [...sums].sort((a, b) => b[1] - a[1]).slice(0, REASONS_SHOWN).map(([reason]) => reason);
    const hasRest = sums.size > named.length;
    const series = named.map((reason, i) => ({name: reasonWords(reason), key: `reason-${i + 1}`}));
    if (hasRest) series.push({name: "others", key: "reason-rest"});
    const all = [...sums.values()].reduce((sum, count) => sum + count, 0);
    chart.show(bins.map(({at, seconds}) => {
      const values = named.map((reason) => seconds.reduce((sum, second) => sum + (second[6][reason] || 0), 0));
      const total = seconds.reduce((sum, second) => sum + Object.values(second[6]).reduce((a, b) => a + b, 0), 0);
      return {at, values: hasRest ? [...values, total - values.reduce((a, b) => a + b, 0)] : values};
    }), {series, now: all === 0 ? "none" : grouped(all)});
  }

  // ---- now ----

  #showNow() {
    const {stats, oldest_ms: oldest, dead_letters: dead} = this.#now, of = stats?.destinations || {};
    const recent = this.#seconds.slice(-5), put = (name, value, more = "") => {
      this.tiles[name].value.textContent = value;
      this.tiles[name].more.textContent = more;
    };
    put("accepted", `${short(mean(recent.map((second) => second[1])))}/s`, `${grouped(stats?.accepted || 0)} in all`);
    ["segment", "moengage"].forEach((name, i) => put(name, `${short(mean(recent.map((second) => second[5][i][0])))}/s`,
      of[name] ? `${grouped(of[name].delivered)} in all` : ""));
    const pending = (of.segment?.pending || 0) + (of.moengage?.pending || 0);
    put("waiting", short(pending), of.segment ? `${short(of.segment.pending)} Segment · ${short(of.moengage.pending)} MoEngage` : "");
    put("oldest", oldest > 0 ? span(oldest) : "—", oldest > 0 ? "" : "nothing waits");
    put("dead", grouped(dead), dead > 0 ? "see Dead letters" : "none");
    this.tiles.dead.element.classList.toggle("is-bad", dead > 0);
    this.tiles.oldest.element.classList.toggle("is-warn", oldest > 60000);
    this.#showAccounts(of);
  }

  #showAccounts(of) {
    const columns = ["accepted", "delivered", "pending", "skipped", "dead"];
    const skips = (leg) => Object.entries(leg.skipped_for).map(([reason, count]) => `${reasonWords(reason)} ${grouped(count)}`).join(", ");
    replace(this.accounts, make("h3", {}, "Accounts since the start"), make("p", {class: "hint"}, "accepted = delivered + waiting + skipped + dead, for each destination"),
      make("div", {class: "scroll-x"}, make("table", {}, make("thead", {}, make("tr", {}, make("th", {scope: "col"}, "Destination"),
        columns.map((name) => make("th", {scope: "col", class: "number"}, name === "pending" ? "waiting" : name)), make("th", {scope: "col"}, "State"))),
      make("tbody", {}, ["segment", "moengage"].map((name, i) => of[name] && make("tr", {}, make("th", {scope: "row"}, DESTINATIONS[i]),
        columns.map((column) => make("td", {class: "number", title: column === "skipped" ? skips(of[name]) : null}, grouped(of[name][column]))),
        make("td", {}, of[name].paused_for ? make("span", {class: "pill is-dead"}, `paused: ${reasonWords(of[name].paused_for)}`)
          : make("span", {class: "pill is-delivered"}, of[name].state))))))));
  }
}
