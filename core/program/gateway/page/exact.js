// JSON with its numbers digit for digit: JSON.parse would round a 64-bit id.
//
// A node is {kind, members: [[key, node], ...]}, {kind, items: [node, ...]}, {kind, text} for a string,
// or {kind, raw} for a number, true, false and null.

export function parse(text) {
  let at = 0;

  const fail = () => {
    throw new SyntaxError(`not JSON at ${at}`);
  };
  const skip = () => {
    while (" \t\r\n".includes(text[at]) && at < text.length) at++;
  };
  const take = (sign) => {
    skip();
    if (text[at] !== sign) fail();
    at++;
  };
  const is = (sign) => {
    skip();
    return text[at] === sign;
  };

  function string() {
    const start = at++;
    while (text[at] !== '"') {
      if (at >= text.length) fail();
      at += text[at] === "\\" ? 2 : 1;
    }
    return JSON.parse(text.slice(start, ++at));
  }

  function container(open, close, each) {
    take(open);
    while (!is(close)) {
      each();
      if (!is(close)) take(",");
    }
    take(close);
  }

  function value() {
    skip();
    if (text[at] === "{") {
      const members = [];
      container("{", "}", () => {
        if (!is('"')) fail();
        const key = string();
        take(":");
        members.push([key, value()]);
      });
      return {kind: "object", members};
    }
    if (text[at] === "[") {
      const items = [];
      container("[", "]", () => items.push(value()));
      return {kind: "array", items};
    }
    if (text[at] === '"') return {kind: "string", text: string()};
    const found = /^(true|false|null|-?[0-9.eE+-]+)/.exec(text.slice(at, at + 400));
    if (!found) fail();
    let raw = found[0];
    if (raw.length >= 390) raw = /^[0-9.eE+-]+/.exec(text.slice(at))[0];
    at += raw.length;
    return {kind: /[0-9]/.test(raw[raw.length - 1]) ? "number" : "word", raw};
  }

  const node = value();
  skip();
  if (at !== text.length) fail();
  return node;
}

export function get(node, ...path) {
  for (const key of path) {
    if (!node) return undefined;
    node = node.kind === "object" ? node.members.find(([name]) => name === key)?.[1] : node.items?.[key];
  }
  return node;
}

export const isNull = (node) => !node || (node.kind === "word" && node.raw === "null");
export const isContainer = (node) => node.kind === "object" || node.kind === "array";

export function write(node, indent = "") {
  const inner = `${indent}  `;
  if (node.kind === "string") return JSON.stringify(node.text);
  if (node.kind === "object") {
    if (node.members.length === 0) return "{}";
    return `{\n${node.members.map(([key, value]) => `${inner}${JSON.stringify(key)}: ${write(value, inner)}`).join(",\n")}\n${indent}}`;
  }
  if (node.kind === "array") {
    if (node.items.length === 0) return "[]";
    return `[\n${node.items.map((item) => inner + write(item, inner)).join(",\n")}\n${indent}]`;
  }
  return node.raw;
}

export function writeCompact(node) {
  if (node.kind === "string") return JSON.stringify(node.text);
  if (node.kind === "object") return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${writeCompact(value)}`).join(",")}}`;
  if (node.kind === "array") return `[${node.items.map(writeCompact).join(",")}]`;
  return node.raw;
}
