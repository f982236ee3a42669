// Charts over time, as SVG. A chart is given points [{at, values: [number or null, ...]}] and draws them anew.

import {draw, make, replace, timeOf} from "./dom.js";

const HEIGHT = 168, LEFT = 50, RIGHT = 10, TOP = 10, BOTTOM = 22;
const JOINED_GAP = 12; // points without a value that a line still crosses

function niceStep(most, count) {
  const rough = most / count, power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough);
}

function ticksTo(most, isWhole) {
  const step = Math.max(niceStep(most > 0 ? most : 1, 3), isWhole ? 1 : 0), ticks = [];
  for (let tick = 0; tick < most + step * 0.999; tick += step) ticks.push(tick);
  return ticks.length > 1 ? ticks : [0, step];
}

export class Chart {
  #points = [];
  #at = -1; // the point under the pointer

  // series: [{name, key}], `key` also names its colour; `stacked` draws bars; `area` fills below the first line.
  constructor({title, hint, series, format, stacked = false, area = false, whole = false}) {
    Object.assign(this, {title, series, format, stacked, area, whole});
    this.svg = draw("svg", {class: "plot", role: "img", tabindex: "0", height: HEIGHT});
    this.tip = make("div", {class: "tip", hidden: true});
    this.legend = make("ul", {class: "legend"});
    this.total = make("strong", {class: "chart-now"});
    this.element = make("figure", {class: "chart"},
      make("figcaption", {}, make("h3", {}, title), this.total, hint && make("small", {}, hint), this.legend),
      make("div", {class: "plot-box"}, this.svg, this.tip));
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => this.#pointAt(-1));
    this.svg.addEventListener("blur", () => this.#pointAt(-1));
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.svg);
    this.#nameSeries();
  }

  #nameSeries() {
    replace(this.legend, this.series.map(({name, key}) => make("li", {class: `key-${key}`}, make("i"), name)));
  }

  show(points, {series = this.series, now = ""} = {}) {
    const isOther = series.map(({name}) => name).join() !== this.series.map(({name}) => name).join();
    this.#points = points;
    this.series = series;
    this.total.textContent = now;
    if (isOther) this.#nameSeries();
    this.#draw();
  }

  #x(i) {
    const width = this.width - LEFT - RIGHT;
    return this.stacked ? LEFT + (width * (i + 0.5)) / this.#points.length
      : LEFT + (width * i) / Math.max(1, this.#points.length - 1);
  }

  #y(value) {
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / this.most);
  }

  #draw() {
    this.width = this.svg.clientWidth;
    if (this.width < LEFT + RIGHT + 20) return;
    const sums = this.#points.map(({values}) => (this.stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values)));
    const ticks = ticksTo(Math.max(0, ...sums), this.whole);
    this.most = ticks[ticks.length - 1];
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    this.svg.setAttribute("aria-label", this.#describe());
    this.svg.replaceChildren(
      ...ticks.flatMap((tick) => [
        draw("line", {class: tick === 0 ? "axis" : "grid", x1: LEFT, x2: this.width - RIGHT, y1: this.#y(tick), y2: this.#y(tick)}),
        draw("text", {class: "tick", x: LEFT - 8, y: this.#y(tick) + 4, "text-anchor": "end"}, this.format(tick))]),
      ...this.#times(), ...(this.stacked ? this.#bars() : this.#lines()), ...this.#crosshair());
  }

  #times() {
    const count = this.width > 420 ? 4 : 2, last = this.#points.length - 1;
    if (last < 1) return [];
    return Array.from({length: count + 1}, (_, k) => {
      const i = Math.round((last * k) / count);
      const anchor = k === 0 ? "start" : k === count ? "end" : "middle";
      return draw("text", {class: "tick", x: LEFT + ((this.width - LEFT - RIGHT) * k) / count, y: HEIGHT - 5, "text-anchor": anchor},
        timeOf(this.#points[i].at * 1000));
    });
  }

  #bars() {
    const width = Math.max(1, (this.width - LEFT - RIGHT) / this.#points.length - 1), out = [];
    this.#points.forEach(({values}, i) => {
      let base = 0;
      values.forEach((value, j) => {
        if (value > 0) {
          const top = this.#y(base + value);
          out.push(draw("rect", {class: `stack key-${this.series[j].key}`, x: this.#x(i) - width / 2, width, y: top, height: Math.max(1, this.#y(base) - top)}));
        }
        base += value;
      });
    });
    return out;
  }

  #lines() {
    const out = [];
    for (let j = this.series.length - 1; j >= 0; j--) {
      const {key} = this.series[j];
      for (const run of this.#runs(j)) {
        const path = run.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
        if (run.length === 1) {
          out.push(draw("circle", {class: `dot key-${key}`, cx: run[0][0], cy: run[0][1], r: 2}));
          continue;
        }
        if (this.area && j === 0)
          out.push(draw("path", {class: `area key-${key}`, d: `${path}L${run[run.length - 1][0].toFixed(1)} ${this.#y(0)}L${run[0][0].toFixed(1)} ${this.#y(0)}Z`}));
        out.push(draw("path", {class: `line key-${key}`, d: path}));
      }
    }
    return out;
  }

  #runs(j) {
    const runs = [];
    let last = -Infinity;
    this.#points.forEach(({values}, i) => {
      if (values[j] === null) return;
      if (i - last > JOINED_GAP) runs.push([]);
      runs[runs.length - 1].push([this.#x(i), this.#y(values[j])]);
      last = i;
    });
    return runs;
  }

  // ---- reading it ----

  #describe() {
    const last = this.#points[this.#points.length - 1];
    if (!last) return `${this.title}: nothing yet`;
    return `${this.title}, last: ${this.series.map(({name}, j) => `${name} ${last.values[j] === null ? "none" : this.format(last.values[j])}`).join(", ")}`;
  }

  #crosshair() {
    if (this.#at < 0 || this.#at >= this.#points.length) {
      this.tip.hidden = true;
      return [];
    }
    const x = this.#x(this.#at), {at, values} = this.#points[this.#at];
    replace(this.tip, make("b", {}, timeOf(at * 1000)), this.series.map(({name, key}, j) => (this.stacked && !values[j] ? null
      : make("span", {class: `key-${key}`}, make("i"), name, make("em", {}, values[j] === null ? "—" : this.format(values[j]))))));
    this.tip.hidden = false;
    this.tip.style.left = `${x < this.width / 2 ? x + 12 : x - 12}px`;
    this.tip.classList.toggle("is-left", x >= this.width / 2);
    return [draw("line", {class: "cross", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM})];
  }

  #pointAt(i) {
    if (i === this.#at) return;
    this.#at = i;
    this.#draw();
  }

  #point(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left - LEFT;
    const share = x / (this.width - LEFT - RIGHT), last = this.#points.length - 1;
    this.#pointAt(Math.max(0, Math.min(last, Math.round(share * last))));
  }

  #key(event) {
    const by = {ArrowLeft: -1, ArrowRight: 1}[event.key], last = this.#points.length - 1;
    if (!by || last < 0) return;
    event.preventDefault();
    this.#pointAt(this.#at < 0 ? last : Math.max(0, Math.min(last, this.#at + by)));
  }
}
