"""Clients that others wrote, pointed at the gateway by their host alone: nothing lost, nothing doubled, every field as sent.

They come from the language registries, once, into build/clients; without a way there the tests are not run.
"""
import json
import shutil
import subprocess
import sys

import pytest

from harness import ROOT

CLIENTS = ROOT / "build" / "clients"
COUNT = 10000
INSTALL_LIMIT_S = 60

PYTHON_CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
from segment.analytics.client import Client
client = Client("WKSHOP", host=sys.argv[2], max_queue_size=100000, gzip=True, thread=2)
for number in range(int(sys.argv[3])):
    client.track("user-%d" % (number % 50), "Lamp Lit", {"number": number, "text": "a \\u00e9 \\U0001f4a1", "list": [1, {"a": None}]},
                 message_id="m-%d" % number)
client.shutdown()
"""

NODE_CLIENT = """
const { Analytics } = require(process.argv[2] + '/node_modules/@segment/analytics-node')
const analytics = new Analytics({ writeKey: 'WKSHOP', host: process.argv[3], maxEventsInBatch: 100 })
const count = Number(process.argv[4])
let failed = 0
analytics.on('error', () => { failed++ })
async function main() {
  for (let number = 0; number < count; number++) {
    analytics.track({ userId: 'user-' + number % 50, event: 'Lamp Lit', messageId: 'm-' + number,
      properties: { number, text: 'a \\u00e9 \\u{1f4a1}', list: [1, { a: null }] } })
    if (number % 100 === 99) await new Promise(resolve => setImmediate(resolve))
  }
  await analytics.closeAndFlush({ timeout: 60000 })
  process.exit(failed ? 1 : 0)
}
main()
"""


def install(what, command):
    """What the registry's own client installs, once."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as cause:
        pytest.skip("not run: %s cannot be installed here: %s" % (what, type(cause).__name__))
    if done.returncode != 0:
        pytest.skip("not run: %s cannot be installed here: %s" % (what, (done.stderr.strip() or "?").split("\n")[-1][:120]))


@pytest.fixture
def python_client():
    target = CLIENTS / "python"
    if not (target / "segment").is_dir():
        install("segment-analytics-python", [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                                             "--target", str(target), "segment-analytics-python"])
    return [sys.executable, "-c", PYTHON_CLIENT, str(target)]


@pytest.fixture
def node_client():
    target = CLIENTS / "node"
    if not shutil.which("node"):
        pytest.skip("not run: node is not installed")
    if not (target / "node_modules/@segment/analytics-node").is_dir():
        target.mkdir(parents=True, exist_ok=True)
        install("@segment/analytics-node", ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(target),
                                            "@segment/analytics-node"])
    program = CLIENTS / "client.js"
    program.write_text(NODE_CLIENT)
    return ["node", str(program), str(target)]


@pytest.mark.parametrize("name", ["python_client", "node_client"])
def test_ten_thousand_events_of_a_library_arrive_as_sent(request, name, start_gateway, start_sandbox):
    command = request.getfixturevalue(name)
    peer = start_sandbox("--keep", str(COUNT))
    gateway = start_gateway(peer)
    done = subprocess.run([*command, "http://127.0.0.1:%d" % gateway.port, str(COUNT)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    stats = peer.wait_for("segment", accepted=COUNT)
    assert (stats["accepted"], stats["unique"]) == (COUNT, COUNT)
    found = {each["message"]["messageId"]: each["message"] for each in peer.messages(limit=COUNT)}
    assert set(found) == {"m-%d" % number for number in range(COUNT)}
    for number in range(COUNT):
        message = found["m-%d" % number]
        assert (message["type"], message["userId"], message["event"]) == ("track", "user-%d" % (number % 50), "Lamp Lit")
        assert message["properties"] == {"number": number, "text": "a \u00e9 \U0001f4a1", "list": [1, {"a": None}]}
        assert message["context"]["library"]["name"].startswith("analytics-") or "node" in message["context"]["library"]["name"]
    assert gateway.metric("discarded_total") == 0 and gateway.metric("duplicates_total") == 0
    assert json.dumps(stats["rejected"]) == "{}"
