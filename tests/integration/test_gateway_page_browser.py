"""The debugger page as a person meets it: in a real browser, with mouse and keys. Pictures go to build/screenshots."""
import json
import re

import pytest

import page_scene
from browser import ABSENT, CHROMIUM, Browser
from harness import ROOT, SANITIZED, wait_until

pytestmark = [pytest.mark.skipif(not CHROMIUM, reason=ABSENT),
              pytest.mark.skipif(SANITIZED, reason="not run: the browser looks at the release build")]
TRACK = {"type": "track", "userId": "u-1", "event": "Lamp Lit", "properties": {"lampColor": "red", "shipTo": {"cityName": "Pune"}}}
MARKUP = ["<script>document.title='caught'</script>", "<img src=x onerror=\"document.title='caught'\">",
          "</span><svg onload=\"document.title='caught'\">", "\"><iframe srcdoc='<script>parent.document.title=1</script>'>"]
LONG_KEY = "WKSHOPBACKEND0123456789"


@pytest.fixture(scope="module")
def browser():
    running = Browser()
    running.prefer(reduced_motion="reduce", color_scheme="light")
    yield running
    running.end()


@pytest.fixture
def page(browser, start_gateway, sandbox):
    """A gateway, and its page open in the browser: page(**options). Problems in the console fail the test."""
    def show(**options):
        gateway = start_gateway(sandbox, **dict({
            "gateway.page": True, "moengage.url": sandbox.url, "moengage.app_id": "APP", "moengage.data_api_key": "data-api-secret",
            "delivery.backoff_base_ms": 100}, **options))
        gateway.token = (gateway.file.parent / "spool/page-token").read_text()
        gateway.page = "http://127.0.0.1:%d/debug" % gateway.port
        browser.problems.clear()
        browser.open("about:blank")
        browser.open(gateway.page + "#token=" + gateway.token)
        browser.wait("document.getElementById('link')?.dataset.link === 'live'", "the page is live")
        return gateway
    yield show
    browser.open("about:blank")
    assert browser.problems == []


def texts(browser, selector):
    return browser.evaluate("[...document.querySelectorAll(%s)].filter((e) => e.checkVisibility()).map((e) => e.textContent)" % json.dumps(selector))


def rows(browser):
    """What the list shows, from the top."""
    return browser.evaluate("[...document.querySelectorAll('.row:not([hidden])')].sort((a, b) => a.getBoundingClientRect().y - b.getBoundingClientRect().y)"
                            ".map((row) => [...row.children].map((cell) => cell.textContent))")


def wait_rows(browser, condition, what):
    return wait_until(lambda: next((shown for shown in [rows(browser)] if condition(shown)), None), what)


def send(gateway, *messages, key="WKSHOP"):
    answer = gateway.post("/v1/batch", {"batch": [dict(TRACK, **message) for message in messages]}, key=key)
    assert answer.status == 200


def fill(browser, field, text):
    browser.evaluate("document.getElementById(%s).focus()" % json.dumps(field))
    browser.evaluate("document.getElementById(%s).select?.()" % json.dumps(field))
    browser.type(text)


def choose(browser, field, value):
    browser.evaluate("(() => { const e = document.getElementById(%s); e.value = %s; e.dispatchEvent(new Event('input')); })()" % (
        json.dumps(field), json.dumps(value)))


def test_the_token_leaves_the_address_and_opens_it_again_later(browser, page):
    gateway = page()
    assert browser.evaluate("location.href") == gateway.page
    assert browser.evaluate("document.cookie") == ""
    browser.open(gateway.page)
    browser.wait("document.getElementById('link').dataset.link === 'live'")


def test_without_a_session_it_asks_for_the_token(browser, page):
    gateway = page()
    browser.click("#leave")
    browser.wait("!document.getElementById('sign-in').hidden", "it asks")
    assert texts(browser, ".row") == []
    fill(browser, "token", "wrong")
    browser.press("Enter")
    browser.wait("document.getElementById('sign-in-wrong').textContent !== ''", "it says that it is wrong")
    fill(browser, "token", gateway.token)
    browser.press("Enter")
    browser.wait("document.getElementById('link').dataset.link === 'live'", "it opens")
    browser.problems[:] = [each for each in browser.problems if "401" not in each]  # the wrong token


def test_messages_appear_with_what_becomes_of_them(browser, page, sandbox):
    gateway = page()
    browser.wait("!document.getElementById('empty').hidden")
    assert "Waiting for the first message" in browser.evaluate("document.getElementById('empty').textContent")
    send(gateway, {"event": "First"}, {"event": "Second", "userId": None, "anonymousId": "a-9"})
    shown = wait_rows(browser, lambda all_: len(all_) == 2 and [row[5:] for row in all_] == [["delivered", "skipped"], ["delivered", "delivered"]], "both are settled")
    assert [row[1:5] for row in shown] == [["shop", "track", "Second", "a-9"], ["shop", "track", "First", "u-1"]]
    assert browser.evaluate("document.getElementById('empty').hidden")


def test_filters_leave_what_fits(browser, page):
    gateway = page()
    send(gateway, {"event": "Lamp Lit", "userId": "asha"}, {"event": "Lamp Broken", "userId": "björn"}, {"event": "Order Completed", "userId": "asha", "properties": {"couponCode": "SPRING"}})
    send(gateway, {"event": "Web Seen"}, key="WKWEB")
    gateway.post("/v1/track", {"userId": "u-1"})
    wait_rows(browser, lambda all_: len(all_) == 5 and all("in flight" not in row and "queued" not in row for row in all_), "all are settled")
    names = lambda: [row[3] for row in rows(browser)]  # noqa: E731
    for field, value, expected in [("event", "lamp", ["Lamp Broken", "Lamp Lit"]), ("user", "asha", ["Order Completed", "Lamp Lit"]), ("source", "web", ["Web Seen"]),
                                   ("state", "refused", ["rejected: event not defined"]), ("state", "5", [])]:
        (choose if field in ("source", "state") else lambda b, f, v: fill(b, f, v))(browser, "filter-" + field, value)
        wait_until(lambda: names() == expected, "%s=%s leaves %s, not %s" % (field, value, expected, names()))
        browser.click("#filter-clear") if expected else browser.click("#empty button")
        wait_until(lambda: len(names()) == 5, "all are back")
    fill(browser, "filter-text", "spring")
    wait_until(lambda: names() == ["Order Completed"], "a text is found in the properties")
    send(gateway, {"event": "Another", "properties": {"note": "in SPRING"}}, {"event": "Not this"})
    wait_until(lambda: names() == ["Another", "Order Completed"], "so is a new one")


def test_a_message_shows_its_forms_and_marks_changed_names(browser, page):
    gateway = page()
    send(gateway, {"properties": {"lampColor": "red", "shipTo": {"cityName": "Pune"}, "productIds": ["a"], "exactNumber": 0}})
    wait_rows(browser, lambda all_: len(all_) == 1 and all_[0][5:] == ["delivered", "delivered"], "it is delivered")
    browser.click(".row")
    browser.wait("document.querySelectorAll('#form .json-line.has-changed').length > 0", "MoEngage's form is shown")
    changed = [re.sub(r"\s+", " ", each).strip() for each in texts(browser, "#form .json-line.has-changed")]
    for expected in ('"lamp_color": "red",lampColor', '"ship_to_city_name": "Pune",shipTo.cityName', '"customer_id": "u-1",userId', '"action": "Lamp Lit",event'):
        assert expected in changed, changed
    assert any("messageId" in each for each in texts(browser, ".side:first-child .json-line.is-left"))
    assert texts(browser, ".step-head .pill") == ["delivered", "delivered"]
    assert [row[0] for row in browser.evaluate("[...document.querySelectorAll('.attempts tbody tr')].map((row) => [row.children[2].textContent])")] == ["200", "200"]
    browser.press("[")
    browser.wait("document.querySelector('#form h3').textContent === 'For Segment'", "the other form is shown")
    assert any('"lampColor": "red"' in each for each in texts(browser, "#form .json-line"))


def test_numbers_are_shown_digit_for_digit(browser, page):
    gateway = page()
    gateway.post("/v1/track", '{"userId":"u","event":"Exact","properties":{"id":9223372036854775807,"long":0.12345678901234567890123456789}}')
    browser.click(".row")
    browser.wait("document.querySelectorAll('.json-number').length >= 4")
    assert {"9223372036854775807", "0.12345678901234567890123456789"} <= set(texts(browser, ".json-number"))


def test_no_message_is_ever_read_as_markup(browser, page, sandbox):
    sandbox.script({"status": 422, "body": json.dumps({"success": False, "code": MARKUP[0], "message": MARKUP[1]})}, service="segment")
    gateway = page()
    before = browser.evaluate("document.querySelectorAll('script, iframe, img, svg').length")
    for i, markup in enumerate(MARKUP):
        send(gateway, {"event": markup, "userId": markup, "messageId": "m-%d-%s" % (i, markup), "properties": {markup: markup}})
        gateway.post("/v1/track", {"type": "track", "userId": markup, "properties": {markup: markup}})
    wait_rows(browser, lambda all_: len(all_) == 2 * len(MARKUP) and sum(row[5] == "dead" for row in all_) == len(MARKUP), "all are settled")
    assert {row[3] for row in rows(browser)} >= set(MARKUP)
    for i in range(2 * len(MARKUP)):
        browser.press("j")
        browser.press("Enter")
        browser.wait("document.querySelectorAll('#detail .json-line').length > 3")
        lines = "".join(texts(browser, "#detail .json-line")).replace("\\\"", "\"")
        assert any(markup in lines for markup in MARKUP), lines
    fill(browser, "filter-text", MARKUP[1])
    browser.press("Escape")
    browser.press("3")
    browser.wait("document.querySelectorAll('.letter').length === %d" % len(MARKUP), "the letters are shown")
    browser.click(".letter-open")
    assert MARKUP[1] in "".join(texts(browser, ".letter .said"))
    browser.press("2")
    assert browser.evaluate("document.title") == "segmo debugger"
    assert browser.evaluate("document.querySelectorAll('script, iframe, img, svg').length") == before


def test_the_browser_itself_refuses_markup_and_scripts(browser, page):
    page()
    for attempt in ("document.body.innerHTML = '<b>x</b>'", "document.write('x')", "eval('1')", "new Function('1')()"):
        refused = browser.evaluate("(() => { try { %s; return false; } catch { return true; } })()" % attempt)
        assert refused, attempt
    assert browser.evaluate("fetch('https://example.com/').then(() => 'went', () => 'refused')") == "refused"
    browser.problems.clear()  # those were ours


def test_the_keys_reach_everything(browser, page):
    gateway = page()
    send(gateway, *[{"event": "Event %02d" % i} for i in range(40)])
    wait_rows(browser, lambda all_: all_ and all_[0][3] == "Event 39", "they are there")
    chosen = lambda: browser.evaluate("document.querySelector('.row[aria-selected=true] .event')?.textContent")  # noqa: E731
    browser.press("j")
    browser.press("j")
    wait_until(lambda: chosen() == "Event 38", "j goes down")
    browser.press("ArrowUp")
    wait_until(lambda: chosen() == "Event 39", "an arrow goes up")
    browser.press("Enter")
    browser.wait("document.querySelector('#detail h2')?.textContent === 'Event 39'", "Enter opens it")
    browser.press("j")
    browser.wait("document.querySelector('#detail h2')?.textContent === 'Event 38'", "the pane follows")
    browser.press("End")
    wait_until(lambda: chosen() == "Event 00", "End goes to the oldest, which is scrolled to")
    active = browser.evaluate("document.getElementById(document.getElementById('list').getAttribute('aria-activedescendant')).textContent")
    assert "Event 00" in active
    browser.press("Escape")
    browser.wait("document.getElementById('detail').hidden", "Escape closes it")
    browser.press("/")
    assert browser.evaluate("document.activeElement.id") == "filter-text"
    browser.press("Escape")
    assert browser.evaluate("document.activeElement.id") == "list"
    for key, name in (("2", "overview"), ("3", "dead"), ("1", "messages")):
        browser.press(key)
        assert browser.evaluate("document.getElementById('tab-%s').getAttribute('aria-selected')" % name) == "true"
    browser.press("?")
    browser.wait("document.getElementById('help').open", "the keys are listed")
    browser.press("Escape")
    browser.wait("!document.getElementById('help').open")


def test_everything_has_a_name_and_a_visible_focus(browser, page):
    gateway = page()
    send(gateway, {})
    browser.click(".row")
    browser.wait("document.querySelector('.forms') !== null")
    unnamed = browser.evaluate("""[...document.querySelectorAll('button, input, select, a')].filter((e) => e.checkVisibility()
        && !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML)""")
    assert unnamed == []
    seen = set()
    for _ in range(40):
        browser.press("Tab")
        seen.add(browser.evaluate("document.activeElement.id || document.activeElement.textContent.slice(0, 20)"))
        outline = browser.evaluate("""(() => { const e = document.activeElement, own = getComputedStyle(e), box = getComputedStyle(e.closest('.pick') || e);
            return e === document.body || e.matches('.list') || own.outlineStyle !== 'none' || box.outlineStyle !== 'none'; })()""")
        assert outline, browser.evaluate("document.activeElement.outerHTML")
    assert {"filter-text", "filter-state", "pause", "list", "copy-curl"} <= seen


def test_a_pause_holds_the_list_and_loses_nothing(browser, page):
    gateway = page()
    send(gateway, {"event": "Before"})
    wait_rows(browser, lambda all_: len(all_) == 1, "it is there")
    browser.press("p")
    send(gateway, {"event": "Meanwhile 1"}, {"event": "Meanwhile 2"})
    browser.wait("document.getElementById('status-rate').textContent === 'paused, 2 messages held'", "they are held")
    assert [row[3] for row in rows(browser)] == ["Before"]
    browser.press("p")
    shown = wait_rows(browser, lambda all_: len(all_) == 3 and all(row[5] == "delivered" for row in all_), "they are shown, with what became of them")
    assert [row[3] for row in shown] == ["Meanwhile 2", "Meanwhile 1", "Before"]


def test_who_reads_further_down_keeps_the_place(browser, page):
    gateway = page()
    send(gateway, *[{"event": "Event %03d" % i} for i in range(200)])
    wait_rows(browser, lambda all_: all_ and all_[0][3] == "Event 199", "they are there")
    browser.evaluate("document.getElementById('list').scrollTop = 34 * 50")
    top = "document.elementFromPoint(300, document.getElementById('list').getBoundingClientRect().y + 5)?.closest('.row')?.querySelector('.event').textContent"
    wait_until(lambda: browser.evaluate(top) == "Event 149", "it is scrolled")
    send(gateway, *[{"event": "New %d" % i} for i in range(30)])
    browser.wait("document.getElementById('newer').textContent.includes('30 newer messages')", "it says that there are newer ones")
    assert browser.evaluate(top) == "Event 149"
    browser.click("#newer")
    wait_rows(browser, lambda all_: all_[0][3] == "New 29", "it goes to the top")


def test_a_dead_letter_is_sent_again(browser, page, sandbox):
    sandbox.script({"status": 422}, service="segment")
    gateway = page()
    send(gateway, {"event": "Hopeless"})
    wait_rows(browser, lambda all_: len(all_) == 1 and all_[0][5] == "dead", "it is dead")
    browser.click(".row")
    browser.wait("document.querySelector('[data-resend]') !== null", "it can be sent again")
    sandbox.script(service="segment")
    browser.press("r")
    wait_rows(browser, lambda all_: all_[0][5] == "delivered", "it is delivered after all")
    assert sandbox.stats("segment")["unique"] == 1
    browser.press("3")
    browser.wait("document.querySelector('#view-dead h2')?.textContent === 'No dead letters'", "none is left")


def test_curl_carries_the_message_and_no_secret(browser, page):
    gateway = page(sources=[{"id": "shop", "segment.write_key": LONG_KEY}])
    send(gateway, {"event": "It's $HOME", "messageId": "curl-1", "properties": {"key": LONG_KEY, "quote": "a'b\"c"}}, key=LONG_KEY)
    wait_rows(browser, lambda all_: len(all_) == 1, "it is there")
    browser.evaluate("Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { window.copied = text; }}})")
    browser.click(".row")
    browser.wait("document.getElementById('copy-curl') !== null")
    browser.press("c")
    browser.wait("window.copied !== undefined")
    copied = [browser.evaluate("window.copied")]
    for side in ("[", "]"):
        browser.press(side)
        browser.click("#form .request button")
        copied.append(browser.evaluate("window.copied"))
    assert all(LONG_KEY not in each and "data-api-secret" not in each for each in copied)
    assert '-u "$SEGMENT_WRITE_KEY:"' in copied[0] and any('"$MOENGAGE_APP_ID:$MOENGAGE_DATA_API_KEY"' in each for each in copied)
    assert LONG_KEY not in browser.evaluate("document.documentElement.textContent")
    # A shell reads it as it was meant.
    import subprocess
    script = copied[0].replace("curl ", "python3 -c 'import json, sys; print(json.loads(sys.argv[sys.argv.index(\"-d\") + 1])[\"event\"])' ", 1)
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert said.stdout.strip() == "It's $HOME", said.stderr


def test_it_comes_back_after_a_restart_of_the_gateway(browser, page, start_gateway, sandbox):
    gateway = page()
    send(gateway, {"event": "Before"})
    wait_rows(browser, lambda all_: len(all_) == 1, "it is there")
    directory, port = gateway.file.parent, gateway.port
    assert gateway.stop() == 0
    browser.wait("document.getElementById('link').dataset.link === 'off'", "it notes that the gateway is away")
    again = start_gateway(sandbox, directory=directory, **{"gateway.page": True, "gateway.listen": "127.0.0.1:%d" % port})
    browser.wait("!document.getElementById('sign-in').hidden", "it asks for the token, as the old session is over")
    fill(browser, "token", gateway.token)
    browser.press("Enter")
    browser.wait("document.getElementById('link').dataset.link === 'live'")
    send(again, {"event": "After"})
    wait_rows(browser, lambda all_: [row[3] for row in all_] == ["After"], "what comes is shown")
    browser.problems[:] = [each for each in browser.problems if "ERR_" not in each and "401" not in each]


def test_the_overview_draws_what_passed(browser, page, sandbox):
    sandbox.script({"status": 503, "times": 2}, service="moengage")
    gateway = page()
    send(gateway, *[{"event": "Event %d" % i, "userId": "u-%d" % i} for i in range(20)])
    gateway.post("/v1/track", {"userId": "u-1"})
    browser.press("2")
    browser.wait("document.querySelectorAll('#view-overview .plot .line').length >= 5 && document.querySelectorAll('#view-overview .plot .stack').length >= 2", "lines and bars are drawn")
    browser.wait("[...document.querySelectorAll('.tile')].some((tile) => tile.textContent.includes('20 in all'))", "the sums are right")
    assert {"event not defined", "http 503"} <= set(texts(browser, ".chart .legend li"))
    box = browser.evaluate("(() => { const r = document.querySelector('.plot').getBoundingClientRect(); return [r.x + r.width - 15, r.y + 40]; })()")
    browser.hover(*box)
    browser.wait("!document.querySelector('.chart .tip').hidden", "the pointer reads values")
    assert "accepted" in browser.evaluate("document.querySelector('.chart .tip').textContent")


def test_narrow_screens_need_no_sideways_scrolling(browser, page):
    gateway = page()
    send(gateway, {"event": "A rather long name of an event that somebody made up", "userId": "u" * 80})
    wait_rows(browser, lambda all_: len(all_) == 1, "it is there")
    try:
        for width in (390, 720, 1024):
            browser.resize(width, 800, mobile=width < 800)
            wide = "document.scrollingElement.scrollWidth <= innerWidth"
            browser.press("1")
            assert browser.evaluate(wide), width
            browser.evaluate("document.querySelector('.row').click()")
            browser.wait("document.querySelector('.forms') !== null")
            assert browser.evaluate(wide), width
            for key in ("Escape", "2", "3"):
                browser.press(key)
                assert browser.evaluate(wide), (width, key)
    finally:
        browser.resize(1440, 900)


def test_pictures_of_a_shop_at_work(browser, page, sandbox):
    gateway = page(**page_scene.begin(sandbox))
    directory = ROOT / "build/screenshots"
    browser.wait("document.getElementById('empty').dataset.kind === 'nothing'")
    browser.picture(directory / "empty.png")
    traffic = page_scene.Traffic(gateway, per_second=60)
    try:
        wait_until(lambda: gateway.metric("source_dead_total") >= 1, "something is dead")
        made = page_scene.pictures(browser, gateway, directory)
    finally:
        traffic.stop()
    assert len(made) == 8 and all(path.stat().st_size > 20000 for path in made)
