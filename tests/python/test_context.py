"""What a call's surroundings add to its message, and what a request tells."""
import asyncio
import threading
import uuid

import pytest

from segmo import context
from segmo._calls import Calls
from segmo._requests import LONGEST, Request, client_address, members_of, preferred_language


class Made(Calls):
    """Keeps what the six calls make."""

    def __init__(self):
        self.messages = []

    def enqueue(self, message, source=None):
        self.messages.append(message)

    @property
    def last(self):
        return self.messages[-1]


@pytest.fixture
def made():
    return Made()


def ids(message):
    return {name: message[name] for name in ("userId", "anonymousId") if name in message}


# ---- ids ----

def test_a_call_that_names_no_user_is_about_that_of_the_surroundings(made):
    with context.use("u-1", "a-1"):
        made.track(event="Lamp Lit")
        assert ids(made.last) == {"userId": "u-1", "anonymousId": "a-1"}
        made.group(group_id="g-1")
        assert ids(made.last) == {"userId": "u-1", "anonymousId": "a-1"}
    made.track(event="Lamp Lit")
    assert ids(made.last) == {}


def test_ids_of_one_user_never_stand_beside_those_of_another(made):
    with context.use("u-1", "a-1"):
        made.track("u-2", "Lamp Lit")
        assert ids(made.last) == {"userId": "u-2"}
        made.track(None, "Lamp Lit", anonymous_id="a-2")
        assert ids(made.last) == {"anonymousId": "a-2"}
        with context.use("u-2"):
            made.track(event="Lamp Lit")
            assert ids(made.last) == {"userId": "u-2"}


def test_identify_links_the_anonymous_id_of_the_same_user(made):
    with context.use(uuid.UUID(int=7), "a-1"):
        made.identify(uuid.UUID(int=7), {"plan": "a"})
        assert made.last["anonymousId"] == "a-1"
        made.identify(str(uuid.UUID(int=7)))
        assert made.last["anonymousId"] == "a-1"


def test_alias_takes_no_ids_from_its_surroundings(made):
    with context.use("u-1", "a-1"):
        made.alias("old")
        assert ids(made.last) == {}


# ---- context ----

def test_the_call_wins_member_by_member(made):
    with context.use(context={"ip": "203.0.113.7", "page": {"path": "/a", "search": "?b"}}):
        with context.use(context={"locale": "de", "page": {"title": "A"}}):
            own = {"page": {"path": "/own"}, "app": {"name": "shop"}}
            made.track("u-1", "Lamp Lit", context=own)
    assert made.last["context"] == {"ip": "203.0.113.7", "locale": "de", "app": {"name": "shop"},
                                    "page": {"path": "/own", "search": "?b", "title": "A"}}
    assert own == {"page": {"path": "/own"}, "app": {"name": "shop"}}


def test_whole_messages_stay_as_they_are(client, sandbox):
    with context.use("u-1", context={"ip": "203.0.113.7"}):
        client.enqueue({"type": "track", "userId": "u-2", "event": "Whole"})
        client.track(event="Completed")
    assert client.flush(20)
    whole, completed = sorted((each["message"] for each in sandbox.messages()), key=lambda each: each["event"], reverse=True)
    assert "ip" not in whole["context"] and whole["userId"] == "u-2"
    assert completed["context"]["ip"] == "203.0.113.7" and completed["userId"] == "u-1"


def test_calls_of_segmo_analytics_get_the_context_and_keep_their_ids(options):
    from segmo import analytics
    client = analytics.Client("WK1", send=False)
    with context.use("u-1", "a-1", context={"ip": "203.0.113.7", "page": {"path": "/a", "search": "?b"}}):
        _, message = client.track("u-1", "Lamp Lit", context={"page": {"path": "/own"}})
    assert message["context"]["ip"] == "203.0.113.7" and message["context"]["page"] == {"path": "/own", "search": "?b"}
    assert (message["userId"], message["anonymousId"]) == ("u-1", None)
    _, message = client.track("u-1", "Lamp Lit")
    assert message["context"].keys() == {"library"}


def test_it_ends_with_an_exception(made):
    with pytest.raises(KeyError):
        with context.use("u-1"):
            raise KeyError
    assert context.current() == {}


# ---- where it goes ----

def test_each_coroutine_has_its_own(made):
    async def visit(user):
        with context.use(user):
            await asyncio.sleep(0)
            made.track(event=user)
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
            await asyncio.create_task(later(user))

    async def later(user):
        made.track(event=user)

    async def all_of_them():
        await asyncio.gather(*[visit(f"u-{number}") for number in range(10)])
    asyncio.run(all_of_them())
    assert len(made.messages) == 20
    assert all(message["event"] == message["userId"] for message in made.messages)


def test_threads_start_without(made):
    with context.use("u-1"):
        thread = threading.Thread(target=lambda: made.track(event="Lamp Lit"))
        thread.start()
        thread.join()
    assert ids(made.last) == {}


def test_what_is_made_while_a_response_streams(made):
    def parts():
        for name in ("one", "two"):
            made.track(event=name)
            yield name

    async def parts_of_coroutines():
        for name in ("three", "four"):
            await asyncio.sleep(0)
            made.track(event=name)
            yield name

    async def all_of_them():
        return [part async for part in context.carrying_through_async(dict(userId="u-1").copy, parts_of_coroutines())]
    names = list(context.carrying_through(dict(userId="u-1").copy, parts())) + asyncio.run(all_of_them())
    assert names == ["one", "two", "three", "four"]
    assert [(message["event"], message["userId"]) for message in made.messages] == [(name, "u-1") for name in names]
    assert context.current() == {}


# ---- requests ----

def request(peer="198.51.100.9", scheme="https", host="shop.test", path="/a", query="", **headers):
    return Request(peer, scheme, host, path, query, lambda name: headers.get(name.replace("-", "_"), ""))


def test_a_request_in_words():
    members = members_of(request(path="/für/a b", query="q=ä&r=1", user_agent="Lynx", referer="https://a.test/",
                                 accept_language="en;q=0.5, de-CH", cookie="x=1; ajs_anonymous_id=%22a-1%22; y"), 0)
    assert members == {"anonymousId": "a-1", "context": {
        "ip": "198.51.100.9", "userAgent": "Lynx", "locale": "de-CH",
        "page": {"path": "/f%C3%BCr/a%20b", "search": "?q=%C3%A4&r=1", "referrer": "https://a.test/",
                 "url": "https://shop.test/f%C3%BCr/a%20b?q=%C3%A4&r=1"}}}


def test_what_is_not_known_is_left_out():
    assert members_of(request(peer="", host=""), 0) == {"context": {"page": {"path": "/a"}}}


def test_no_request_makes_a_message_too_large(client, sandbox):
    """Whatever headers a stranger sends."""
    long = "\u20ac" * 30000
    members = members_of(request(path="/" + long, query=long, user_agent=long, referer=long, accept_language=long,
                                 cookie=f"ajs_anonymous_id={long}", host=long), 0)
    assert members["context"]["userAgent"] == "\u20ac" * LONGEST
    with context.carrying(lambda: members):
        client.track(event="Lamp Lit")
    assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 1


@pytest.mark.parametrize("proxies, forwarded, peer, address", [
    (0, "", "198.51.100.9", "198.51.100.9"),
    (0, "203.0.113.7", "198.51.100.9", "198.51.100.9"),
    (1, "203.0.113.7", "198.51.100.9", "203.0.113.7"),
    (1, "10.9.8.7, 203.0.113.7", "198.51.100.9", "203.0.113.7"),
    (2, "10.9.8.7, 203.0.113.7, 192.0.2.1", "198.51.100.9", "203.0.113.7"),
    (2, "203.0.113.7", "198.51.100.9", "203.0.113.7"),
    (1, "203.0.113.7", "", "203.0.113.7"),
    (1, "203.0.113.7:5432", "198.51.100.9", "203.0.113.7"),
    (1, "[2001:db8::7]:5432", "198.51.100.9", "2001:db8::7"),
    (1, "2001:db8::7", "198.51.100.9", "2001:db8::7"),
    (1, "unknown", "198.51.100.9", ""),
    (0, "", "", ""),
])
def test_whose_address_is_believed(proxies, forwarded, peer, address):
    assert client_address(request(peer=peer, x_forwarded_for=forwarded), proxies) == address


@pytest.mark.parametrize("accepted, language", [
    ("", ""), ("de", "de"), ("de-CH,de;q=0.9,en;q=0.8", "de-CH"), ("en;q=0.1, fr;q=0.7", "fr"), ("*", ""),
    ("de;q=x, en;q=0.3", "en"), ("da ; q=0.2", "da"), (";;;,,,", "")])
def test_the_language_that_is_liked_best(accepted, language):
    assert preferred_language(accepted) == language


def test_a_framework_is_imported_only_by_its_integration(run_python):
    done = run_python("""
import sys
import segmo, segmo.wsgi, segmo.asgi
print([name for name in ("django", "flask", "fastapi", "starlette", "celery") if name in sys.modules])
import segmo.flask
print([name for name in ("django", "fastapi", "celery") if name in sys.modules])
""")
    assert done.stdout == "[]\n[]\n", done.stderr
