"""A real browser, led over DevTools' pipe: Debian's chromium, without a window and without any other package."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

CHROMIUM = shutil.which("chromium")
ABSENT = "not run: chromium is not installed (apt-get install chromium)"
PATIENCE_S = 30


class PageError(AssertionError):
    """Something that the page did not stand."""


def _give_ends(read_end, write_end):
    """In the child: DevTools listens on descriptor 3 and answers on 4."""
    read_end, write_end = os.dup(read_end), os.dup(write_end)
    high = [os.dup2(end, number) for end, number in ((read_end, 30), (write_end, 31))]
    os.dup2(high[0], 3)
    os.dup2(high[1], 4)


class Browser:
    """One chromium with one page. `problems` are errors and refused loads that the page's console told."""

    def __init__(self, width=1440, height=900):
        to_browser, self._writes = os.pipe()
        self._reads, from_browser = os.pipe()
        self._home = tempfile.mkdtemp(prefix="segmo-browser-")
        command = [CHROMIUM, "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
                   "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
                   "--lang=en-GB", "--user-data-dir=%s" % self._home, "--window-size=%d,%d" % (width, height), "about:blank"]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                         close_fds=False, preexec_fn=lambda: _give_ends(to_browser, from_browser),
                                         env=dict(os.environ, HOME=self._home, TZ="UTC", LC_ALL="C.UTF-8"))
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._answers, self.events, self.problems = 0, {}, [], []
        self._arrived = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()
        self._session, self._preferred = None, {}
        target = next(each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.resize(width, height)

    # ---- the pipe ----

    def _listen(self):
        pieces = []  # of a message that has not ended
        while True:
            try:
                part = os.read(self._reads, 1 << 20)
            except OSError:
                return
            if not part:
                return
            *ends, rest = part.split(b"\0")
            if not ends:
                pieces.append(part)
                continue
            ends[0] = b"".join([*pieces, ends[0]])
            pieces = [rest]
            messages = [json.loads(text) for text in ends]
            with self._arrived:
                for message in messages:
                    self._take(message)
                self._arrived.notify_all()

    def _take(self, message):
        if "id" in message:
            self._answers[message["id"]] = message
            return
        method, told = message["method"], message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.problems.append("%s %s" % (told["entry"]["text"], told["entry"].get("url", "")))
        elif method == "Runtime.consoleAPICalled" and told["type"] == "error":
            self.problems.append(" ".join(str(each.get("value", each.get("description"))) for each in told["args"]))
        self.events.append((method, told))

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session and not method.startswith("Tracing."):  # which the browser as a whole does
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        with self._arrived:
            if not self._arrived.wait_for(lambda: message["id"] in self._answers, PATIENCE_S):
                raise PageError("no answer to %s" % method)
            answer = self._answers.pop(message["id"])
        if "error" in answer:
            raise PageError("%s: %s" % (method, answer["error"]["message"]))
        return answer["result"]

    def wait_event(self, method, begin=0, patience_s=PATIENCE_S):
        with self._arrived:
            found = lambda: next((told for name, told in self.events[begin:] if name == method), None)  # noqa: E731
            if not self._arrived.wait_for(lambda: found() is not None, patience_s):
                raise PageError("waited in vain for %s" % method)
            return found()

    # ---- what a person does ----

    def open(self, url):
        begin = len(self.events)
        self.call("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired", begin)

    def resize(self, width, height, scale=1, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)

    def prefer(self, **features):
        """prefer(color_scheme="dark", reduced_motion="reduce"); what is not named stays."""
        self._preferred.update(features)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-" + name.replace("_", "-"), "value": value} for name, value in self._preferred.items()])

    def evaluate(self, script):
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True,
                           allowUnsafeEvalBlockedByCSP=False)
        if "exceptionDetails" in answer:
            raise PageError(answer["exceptionDetails"].get("exception", {}).get("description", "the script failed"))
        return answer["result"].get("value")

    def wait(self, script, what=None, patience_s=PATIENCE_S):
        """The first true value of an expression."""
        end = time.monotonic() + patience_s
        while True:
            value = self.evaluate(script)
            if value:
                return value
            if time.monotonic() > end:
                raise PageError("waited in vain until %s; problems: %s" % (what or script, self.problems))
            time.sleep(0.02)

    def click(self, selector):
        """With the mouse, in the middle of the element."""
        self.wait("document.querySelector(%s) !== null" % json.dumps(selector))
        x, y = self.evaluate("(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'nearest'});"
                             "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()" % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def hover(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key):
        text = key if len(key) == 1 else {"Enter": "\r"}.get(key, "")
        names = {"Escape": 27, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9, "Home": 36, "End": 35}
        code = names.get(key, ord(key.upper()) if len(key) == 1 else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    # ---- the browser's own trace ----

    def begin_trace(self):
        self.call("Tracing.start", transferMode="ReportEvents", traceConfig={
            "includedCategories": ["devtools.timeline", "disabled-by-default-devtools.timeline"], "excludedCategories": ["*"]})
        return len(self.events)

    def end_trace(self, begin):
        """The events of the trace, each a dictionary of Chromium's trace format."""
        self.call("Tracing.end")
        self.wait_event("Tracing.tracingComplete", begin, 120)
        return [event for name, told in self.events[begin:] if name == "Tracing.dataCollected" for event in told["value"]]

    def end(self):
        self._process.kill()
        self._process.wait()
        os.close(self._writes)
        os.close(self._reads)
        shutil.rmtree(self._home, ignore_errors=True)
