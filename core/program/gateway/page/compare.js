// What a destination's form did to a message's names: kept, changed, added, left out.
//
// It looks at nothing but the two texts, so it shows what is, whatever rules made it: a name counts as
// changed when its letters are those of a name of the message in another spelling (orderTotal and
// order_total), also joined along a path (shipTo.cityName and ship_to_city_name); or when one of the
// message's own fields has the same value (userId and customer_id).

import {isContainer} from "./exact.js";

const TOP_FIELDS = ["userId", "anonymousId", "previousId", "groupId", "event", "name", "timestamp", "messageId", "type"];

const letters = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

// Calls each(key, node, path) for every member on every level; items of arrays add nothing to the path.
function walk(node, each, path = []) {
  if (node.kind === "array") node.items.forEach((item) => walk(item, each, path));
  if (node.kind !== "object") return;
  for (const [key, value] of node.members) {
    const here = [...path, key];
    each(key, value, here);
    walk(value, each, here);
  }
}

function spellingsOf(message) {
  const exact = new Set(), spellings = new Map();
  walk(message, (key, _value, path) => {
    exact.add(key);
    for (let from = path.length - 1; from >= 0; from--) {
      const joined = path.slice(from), spelled = letters(joined.join(""));
      if (spelled && !spellings.has(spelled)) spellings.set(spelled, {words: joined.join("."), path});
    }
  });
  return {exact, spellings};
}

function fieldsByValue(message) {
  const fields = new Map();
  for (const name of TOP_FIELDS) {
    const value = message.kind === "object" && message.members.find(([key]) => key === name)?.[1];
    if (value && value.kind === "string" && value.text && !fields.has(value.text)) fields.set(value.text, name);
  }
  return fields;
}

// {marks: Map of a form's member node to {kind: "changed" | "added", from}, left: Set of a message's nodes}
export function compare(message, form) {
  const marks = new Map(), used = new Set(), left = new Set();
  const {exact, spellings} = spellingsOf(message), fields = fieldsByValue(message);

  walk(form, (key, value) => {
    if (exact.has(key)) {
      used.add(key);
      return;
    }
    const field = value.kind === "string" ? fields.get(value.text) : undefined;
    const spelling = spellings.get(letters(key));
    if (spelling) {
      marks.set(value, {kind: "changed", from: spelling.words});
      spelling.path.forEach((name) => used.add(name));
    } else if (field) {
      marks.set(value, {kind: "changed", from: field});
      used.add(field);
    } else {
      marks.set(value, {kind: isContainer(value) ? "frame" : "added"});
    }
  });
  walk(message, (key, value) => {
    if (!used.has(key)) left.add(value);
  });
  return {marks, left};
}
