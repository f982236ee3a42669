// Who looks: the token of the address or of the form is traded for a cookie that scripts cannot read.

let action = ""; // what actions present beside the cookie

async function answerOf(response) {
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const problem = new Error(answer.message || `the gateway answered ${response.status}`);
  problem.status = response.status;
  throw problem;
}

export async function get(path) {
  return answerOf(await fetch(`/debug/api/${path}`, {credentials: "same-origin"}));
}

export async function getText(path) {
  const response = await fetch(`/debug/api/${path}`, {credentials: "same-origin"});
  return response.ok ? response.text() : answerOf(response);
}

export async function post(path, body = {}) {
  return answerOf(await fetch(`/debug/api/${path}`, {
    method: "POST", credentials: "same-origin",
    headers: {"Content-Type": "application/json", "X-Segmo-Page": action || "enter"},
    body: JSON.stringify(body),
  }));
}

export async function enter(token) {
  action = "";
  action = (await post("session", {token})).action;
}

// The token stands behind the # of the address, which browsers send to nobody. It goes from there at once.
function tokenOfAddress() {
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (found) history.replaceState(null, "", location.pathname);
  return found ? decodeURIComponent(found[1]) : null;
}

// True when there is a session.
export async function resume() {
  const token = tokenOfAddress();
  try {
    if (token) await enter(token);
    else action = (await get("session")).action;
    return true;
  } catch (problem) {
    if (problem.status === 401) return false;
    throw problem;
  }
}

export async function leave() {
  await post("leave");
  action = "";
}
