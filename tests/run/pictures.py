#!/usr/bin/env python3
"""Pictures of the debugger page with a shop at work behind it: what `make pictures` does.

    pictures.py [--seconds 75]

They go to build/screenshots, and those of the guide to docs/guide as well, in fewer colours.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/events")]

from browser import ABSENT, CHROMIUM, Browser  # noqa: E402
from gateway import Gateway  # noqa: E402
from harness import Sandbox  # noqa: E402
import page_scene  # noqa: E402

SCREENSHOTS = ROOT / "build/screenshots"
OF_THE_GUIDE = {"messages": "debugger-messages", "overview": "debugger-overview", "messages-dark": "debugger-dark"}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=75, help="how long the shop works before")
    chosen = options.parse_args()
    if not CHROMIUM:
        print(ABSENT)
        return 0
    directory = Path(tempfile.mkdtemp(prefix="segmo-pictures-"))
    sandbox, gateway, browser, traffic = Sandbox(), None, None, None
    try:
        gateway = Gateway(directory, sandbox, **page_scene.begin(sandbox))
        browser = Browser()
        browser.prefer(color_scheme="light", reduced_motion="reduce")
        browser.open("http://127.0.0.1:%d/debug#token=%s" % (gateway.port, (directory / "spool/page-token").read_text()))
        browser.wait("document.getElementById('empty').dataset.kind === 'nothing'", "the page is open and empty")
        browser.picture(SCREENSHOTS / "empty.png")
        traffic = page_scene.Traffic(gateway)
        time.sleep(chosen.seconds)
        for path in page_scene.pictures(browser, gateway, SCREENSHOTS):
            print(path.relative_to(ROOT))
        for name, page in OF_THE_GUIDE.items():
            subprocess.run(["pngquant", "--force", "--strip", "--speed", "1", "--output", ROOT / "docs/guide" / (page + ".png"),
                            SCREENSHOTS / (name + ".png")], check=True)
    finally:
        for each in (traffic and traffic.stop, browser and browser.end, gateway and gateway.end, sandbox.end):
            if each:
                each()
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
