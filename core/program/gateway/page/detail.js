// One message: what was checked, what each destination gets of it, every attempt.

import {$, DESTINATIONS, copy, exactTimeOf, make, plural, replace, setText, span, toast} from "./dom.js";
import {compare} from "./compare.js";
import {reasonWords} from "./list.js";
import {getText, post} from "./session.js";
import * as exact from "./exact.js";

const WORDS = {none: "not sent", in_flight: "in flight"};
const KEYS = {in_flight: "flight"};

// ---- JSON as lines ----

function scalar(node) {
  if (node.kind === "string") return make("span", {class: "json-string"}, JSON.stringify(node.text));
  return make("span", {class: node.kind === "number" ? "json-number" : "json-word"}, node.raw);
}

function mark(found) {
  if (!found || found.kind === "frame") return null;
  if (found.kind === "added") return make("span", {class: "mark is-added", title: "not in the message"}, "added");
  return make("span", {class: "mark is-changed", title: `${found.from} in the message`}, found.from);
}

// Lines of a value; `marks` and `left` come from compare().
function lines(node, {marks, left}) {
  const out = [];

  const put = (depth, parts, extra = "") => out.push(make("div", {class: `json-line depth-${Math.min(depth, 12)}${extra}`}, parts));

  function show(value, depth, before, after, found, extra) {
    if (!exact.isContainer(value)) return put(depth, [...before, scalar(value), after, mark(found)], extra);
    const isObject = value.kind === "object", inner = isObject ? value.members : value.items.map((item) => [null, item]);
    const [open, close] = isObject ? ["{", "}"] : ["[", "]"];
    if (inner.length === 0) return put(depth, [...before, open + close + after, mark(found)], extra);
    put(depth, [...before, open, mark(found)], extra);
    inner.forEach(([key, item], i) => {
      const itemMark = marks?.get(item), isLeft = left?.has(item) && !exact.isContainer(item);
      const name = key === null ? [] : [make("span", {class: "json-key"}, JSON.stringify(key)), ": "];
      const itemExtra = isLeft ? " is-left" : itemMark && itemMark.kind !== "frame" ? ` has-${itemMark.kind}` : "";
      show(item, depth + 1, name, i < inner.length - 1 ? "," : "", itemMark, itemExtra);
    });
    put(depth, [close + after]);
  }

  show(node, 0, [], "", null, "");
  return make("pre", {class: "json", tabindex: "0"}, out);
}

// ---- curl ----

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function withoutSecrets(body) {
  if (body.kind !== "object") return body;
  return {kind: "object", members: body.members.filter(([key]) => key !== "writeKey")};
}

export function curlToGateway(message) {
  const type = exact.get(message, "type")?.text || "track";
  return `curl ${quoted(`${location.origin}/v1/${encodeURIComponent(type)}`)} \\\n  -u "$SEGMENT_WRITE_KEY:" \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(exact.writeCompact(withoutSecrets(message)))}`;
}

export function curlToDestination(destination, request) {
  const user = destination === "segment" ? '"$SEGMENT_WRITE_KEY:"' : '"$MOENGAGE_APP_ID:$MOENGAGE_DATA_API_KEY"';
  const body = exact.get(request, "body");
  return `curl -X ${exact.get(request, "method").text} ${quoted(exact.get(request, "url").text)} \\\n  -u ${user} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(exact.writeCompact(withoutSecrets(body)))}`;
}

// ---- parts ----

function pill(state, words) {
  return make("span", {class: `pill is-${KEYS[state] || state}`}, words || WORDS[state] || state);
}

const isTaken = (attempt) => attempt.outcome === "delivered";

function nextTry(attempt, leg) {
  if (isTaken(attempt)) return "";
  if (attempt.retry_in_ms >= 0) return `after ${span(attempt.retry_in_ms)}`;
  return leg.state === "dead" ? "never" : "in parts";
}

function attemptRow(attempt, leg, hasNext) {
  const ok = isTaken(attempt);
  const said = [attempt.code, attempt.answer].filter(Boolean).join(": ") || (ok ? "taken" : reasonWords(attempt.outcome));
  return make("tr", {class: ok ? "is-good" : "is-bad"},
    make("td", {}, String(attempt.number)), make("td", {class: "time"}, exactTimeOf(attempt.at)),
    make("td", {}, make("b", {class: "status-code"}, attempt.status ? String(attempt.status) : "—")),
    make("td", {class: "number"}, span(attempt.latency_ms)), make("td", {class: "said"}, said),
    hasNext && make("td", {}, nextTry(attempt, leg)));
}

function attempts(leg) {
  if (leg.kept.length === 0 && leg.tries === 0) return null;
  const hasNext = leg.kept.some((attempt) => !isTaken(attempt));
  const columns = ["#", "at", "status", "latency", "answer", ...(hasNext ? ["next try"] : [])];
  return [
    leg.tries > leg.kept.length && make("p", {class: "hint"}, `${plural(leg.tries - leg.kept.length, "earlier attempt")} of ${leg.tries} ${leg.tries - leg.kept.length === 1 ? "is" : "are"} not kept.`),
    leg.kept.length > 0 && make("div", {class: "scroll-x"}, make("table", {class: "attempts"},
      make("thead", {}, make("tr", {}, columns.map((word) => make("th", {scope: "col"}, word)))),
      make("tbody", {}, leg.kept.map((attempt) => attemptRow(attempt, leg, hasNext))))),
  ];
}

function why(leg, decision, intake) {
  if (intake !== "accepted") return null;
  if (leg.state === "none") return decision?.words || "The source has no such destination.";
  if (leg.state === "skipped") return decision?.words || reasonWords(leg.reason);
  if (leg.state === "dead") return `It ended as a dead letter: ${reasonWords(leg.reason)}.`;
  if (leg.state === "queued") return "It waits to be sent.";
  if (leg.state === "in_flight") return "The request is under way.";
  return null;
}

function step(kind, title, words, ...more) {
  return make("li", {class: `step is-${kind}`}, make("div", {class: "step-head"}, title), words && make("p", {}, words), more);
}

const VERDICTS = {
  accepted: "Valid, and on disk.",
  duplicate: "Left out: the same messageId came from this source before.",
  refused: "Rejected: nothing of it was stored.",
};

function validation(data) {
  const title = make("span", {}, "Validation");
  if (data.intake !== "refused") return step(data.intake === "accepted" ? "good" : "quiet", title, VERDICTS[data.intake]);
  return step("bad", title, VERDICTS.refused, make("dl", {class: "facts"},
    data.field && [make("dt", {}, "Field"), make("dd", {}, make("code", {}, data.field))],
    make("dt", {}, "Reason"), make("dd", {}, make("code", {}, data.reason)),
    data.words && [make("dt", {}, "Words"), make("dd", {}, data.words)]));
}

const STEP_KINDS = {delivered: "good", dead: "bad", retrying: "warn", in_flight: "busy", queued: "busy", skipped: "quiet", none: "quiet"};

function legStep(leg, i, data, resend) {
  const decision = data.explain?.[leg.name];
  const mode = leg.name === "moengage" && decision?.mode ? `${decision.mode} mode` : null;
  const head = [make("span", {}, DESTINATIONS[i]), pill(leg.state), mode && make("small", {title: decision.mode_reason}, mode),
    leg.state === "retrying" && make("small", {class: "countdown", "data-next": leg.next})];
  const again = leg.letter && make("button", {class: "push strong", "data-resend": leg.letter.id, on: {click: () => resend([leg.letter.id])}}, "Send again");
  const notes = leg.form?.notes || [];
  return step(STEP_KINDS[leg.state], head, why(leg, decision, data.intake), attempts(leg),
    notes.map((note) => make("p", {class: "note"}, make("code", {}, note.field), ` ${note.message}`)), again);
}

// ---- the pane ----

export class Detail {
  #seq = 0;
  #chosen = 1; // whose form is shown
  #data = null;
  #trees = null;
  #timer = 0;

  constructor(closed) {
    this.pane = $("detail");
    this.closed = closed;
    setInterval(() => this.#countDown(), 500);
  }

  get isOpen() {
    return !this.pane.hidden;
  }

  close() {
    this.#seq = 0;
    this.#data = null;
    this.pane.hidden = true;
    $("split").classList.remove("has-detail");
    this.closed();
  }

  async open(row) {
    const isOther = this.#seq !== row.seq;
    this.#seq = row.seq;
    this.pane.hidden = false;
    $("split").classList.add("has-detail");
    await this.#load(isOther);
  }

  // Something became of the message: looked at again, but not more often than is readable.
  changed(seq) {
    if (seq !== this.#seq || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#seq === seq) this.#load(false);
    }, 250);
  }

  async #load(isOther) {
    const seq = this.#seq;
    try {
      const text = await getText(`message?seq=${seq}`);
      if (seq !== this.#seq) return;
      this.#data = JSON.parse(text);
      this.#trees = exact.parse(text);
      if (isOther) this.#chosen = this.#mostTelling();
      this.#show(isOther);
    } catch (problem) {
      if (seq !== this.#seq) return;
      replace(this.pane, this.#head("Message"), make("p", {class: "plain"}, problem.message));
    }
  }

  // MoEngage's form is the one that differs; but where it gets none there is nothing to see.
  #mostTelling() {
    return this.#data.destinations[1].form?.requests.length ? 1 : 0;
  }

  chooseForm(by) {
    if (!this.#data) return;
    this.#chosen = (this.#chosen + by + DESTINATIONS.length) % DESTINATIONS.length;
    this.#show(false);
  }

  #head(title, ...more) {
    return make("header", {class: "detail-head"}, make("div", {class: "detail-title"}, make("h2", {}, title),
      make("button", {class: "quiet close", "aria-label": "Close", title: "Close (Esc)", on: {click: () => this.close()}}, "✕")), more);
  }

  #show(isOther) {
    const data = this.#data, message = exact.get(this.#trees, "message"), has = !exact.isNull(message);
    const top = this.pane.scrollTop, focused = document.activeElement?.id;
    const text = (name) => (has ? exact.get(message, name)?.text || exact.get(message, name)?.raw : undefined);
    const title = text("event") || text("name") || (has ? text("type") : reasonWords(data.reason)) || "Message";
    const facts = [["Source", data.source || "unknown"], ["Call", text("type")], ["User", text("userId")], ["Anonymous", text("anonymousId")],
      ["Message id", text("messageId")], ["Received", exactTimeOf(data.received)]].filter(([, value]) => value && value !== "null");
    replace(this.pane,
      this.#head(title,
        make("dl", {class: "facts wide"}, facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {title: value}, value)))),
        has && make("div", {class: "actions"},
          make("button", {class: "push", id: "copy-curl", title: "Copy as curl (c)", on: {click: () => this.copyCurl()}}, "Copy as curl"),
          make("button", {class: "push", id: "copy-json", on: {click: () => copy(exact.write(message), "The message")}}, "Copy JSON"))),
      make("ol", {class: "steps"}, validation(data),
        data.intake === "accepted" && data.destinations.map((leg, i) => legStep(leg, i, data, (ids) => this.#resend(ids)))),
      has ? this.#forms(message) : make("p", {class: "plain"}, data.intake === "refused" && !data.source
        ? "What came with it is not kept: it belongs to no source that is known here." : "Its text is not kept."));
    this.pane.scrollTop = isOther ? 0 : top;
    if (focused && !isOther) $(focused)?.focus();
    this.#countDown();
  }

  #forms(message) {
    const i = this.#chosen, leg = this.#data.destinations[i];
    const form = exact.get(this.#trees, "destinations", i, "form");
    const requests = exact.isNull(form) ? [] : exact.get(form, "requests").items;
    const bodies = requests.map((request) => exact.get(request, "body"));
    const {marks, left} = bodies.length > 0 ? compare(message, {kind: "array", items: bodies}) : {};
    const changed = [...(marks?.values() || [])].filter(({kind}) => kind === "changed").length;
    return make("section", {class: "forms", "aria-label": "The message and its form"},
      make("div", {class: "forms-head"},
        make("div", {class: "switch", role: "group", "aria-label": "Whose form"}, DESTINATIONS.map((name, j) => make("button",
          {id: `form-${j}`, "aria-pressed": String(i === j), on: {click: () => this.chooseForm(j - this.#chosen)}}, name))),
        bodies.length > 0 && make("span", {class: "legend"},
          changed > 0 && [make("span", {class: "mark is-changed"}, plural(changed, "name")), "changed"],
          make("span", {class: "swatch"}, "not sent"), make("span", {class: "mark is-added"}, "added"))),
      make("div", {class: "sides"},
        make("div", {class: "side"}, make("h3", {}, "As it came"), lines(message, {left})),
        make("div", {class: "side", id: "form"}, make("h3", {}, `For ${DESTINATIONS[i]}`),
          requests.length === 0 ? make("p", {class: "plain"}, this.#noForm(leg))
            : requests.map((request, j) => [this.#requestHead(leg, request), lines(bodies[j], {marks})]))));
  }

  #noForm(leg) {
    if (this.#data.intake === "refused") return "A rejected message goes nowhere.";
    if (leg.form_error) return leg.form_error;
    return this.#data.explain?.[leg.name]?.words || `Nothing is sent: ${reasonWords(leg.form?.skipped) || "the source has no such destination"}.`;
  }

  #requestHead(leg, request) {
    return make("div", {class: "request"}, make("code", {}, `${exact.get(request, "method").text} ${exact.get(request, "url").text}`),
      make("button", {class: "quiet", on: {click: () => copy(curlToDestination(leg.name, request), "curl")}}, "curl"));
  }

  copyCurl() {
    const message = this.#trees && exact.get(this.#trees, "message");
    if (message && !exact.isNull(message)) copy(curlToGateway(message), "curl");
  }

  resend() {
    const ids = (this.#data?.destinations || []).filter((leg) => leg.letter).map((leg) => leg.letter.id);
    if (ids.length > 0) this.#resend(ids);
    else toast("nothing of it is dead");
  }

  async #resend(ids) {
    try {
      await post("dead/retry", {id: ids});
      toast("It is put back and sent again within seconds");
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }

  #countDown() {
    for (const element of this.pane.querySelectorAll(".countdown")) {
      const left = Number(element.dataset.next) - Date.now();
      setText(element, Number(element.dataset.next) === 0 ? "" : left > 0 ? `next try in ${span(Math.ceil(left / 1000) * 1000)}` : "next try is due");
    }
  }
}
