#!/usr/bin/env python3
"""A gateway and a sandbox that stay up: what `make serve` does. Ctrl-C ends both.

    serve.py [--port 8080] [--sandbox-port 8099]

The gateway's configuration is build/serve/segmo.json: change it while it runs, and see the change in the log.
"""
import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "build/release/segmo"
SOURCES = [
    {"id": "server", "type": "server", "segment.write_key": "WK-server"},
    {"id": "website", "type": "javascript", "connection_mode": "cloud", "segment.write_key": "WK-website"},
]


def configuration(directory, sandbox_url, port):
    path = directory / "segmo.json"
    path.write_text(json.dumps({
        "spool": {"dir": str(directory / "spool")},
        "segment": {"host": sandbox_url},
        "moengage": {"url": sandbox_url, "app_id": "APPSERVE", "data_api_key": "data-api-key"},
        "gateway": {"listen": "127.0.0.1:%d" % port, "export_secret": "export-secret", "export_source": "server",
                    "page": True},
        "sources": SOURCES,
    }, indent=2) + "\n")
    return path


def words(port, sandbox_url, token):
    gateway = "http://127.0.0.1:%d" % port
    return f"""
  debugger     {gateway}/debug#token={token}
                                             every message as it passes
  gateway      {gateway}/v1        the host that Segment's libraries are pointed at
  sandbox      {sandbox_url}        plays Segment and MoEngage: /messages, /stats
  metrics      {gateway}/metrics   /healthz, /readyz beside it

  Send something:
    curl {gateway}/v1/track -u WK-server: -d '{{"userId":"u-1","event":"Order Completed","properties":{{"orderTotal":9.99}}}}'
  See it arrive at both:
    curl -s '{sandbox_url}/messages?limit=2'
  MoEngage's campaign export goes to {gateway}/export/moengage with X-Api-Key: export-secret

  Ctrl-C ends both.
"""


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--sandbox-port", type=int, default=8099)
    chosen = options.parse_args()
    directory = ROOT / "build/serve"
    directory.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sandbox = subprocess.Popen([PROGRAM, "sandbox", "--quiet", "--port", str(chosen.sandbox_port)],
                               stdout=subprocess.PIPE, text=True)
    gateway = None
    try:
        line = sandbox.stdout.readline()
        if not line:
            return sandbox.wait()
        sandbox_url = line.split()[-1]
        config = configuration(directory, sandbox_url, chosen.port)
        gateway = subprocess.Popen([PROGRAM, "serve", "--config", config], stderr=subprocess.PIPE, text=True)
        for log in gateway.stderr:
            sys.stderr.write(log)
            if '"event":"listening"' in log:
                print(words(chosen.port, sandbox_url, (directory / "spool/page-token").read_text()), flush=True)
        return gateway.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for process in (gateway, sandbox):
            if process and process.poll() is None:
                process.terminate()
                process.wait(15)


if __name__ == "__main__":
    sys.exit(main())
