"""OAuth for Segment: access tokens for a signed assertion, fetched ahead of their end by a thread of the client."""
import json
import logging
import random
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Optional, Tuple

from . import _reports
from .errors import ClosedError, OptionError, SegmoError, UnsupportedError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_S = 55  # how long an assertion is valid; Segment allows 60 s
CLOCK_LEEWAY_S = 5
LIFE_UNKNOWN_S = 60.0
RATE_LIMIT_S = 5.0  # after a 429 that does not say how long
LONGEST_WAIT_S = 300.0
REFUSED_AGAIN_S = 60.0  # how often credentials are tried that were refused
BACKOFF_S, BACKOFF_CAP_S = 0.5, 60.0
ANSWER_MAX = 65536  # bytes
OLD_ASSERTION = ("Token is expired", "Token used before issued")


class TokenError(Exception):
    """There is no token. Names neither key nor token.

    status   of the answer; 0: there was none
    is_final the credentials are refused, so that trying again helps only when they change
    wait_s   how long the server asks to wait; None: it does not say
    """

    def __init__(self, words: str, status: int = 0, is_final: bool = False, wait_s: Optional[float] = None) -> None:
        super().__init__(words)
        self.status = status
        self.is_final = is_final
        self.wait_s = wait_s


class TokenSource:
    """The token endpoint of an auth server.

    client_key  the RSA private key in PEM form
    timeout_s   of a request
    proxy       for http and https; None: what the environment says

    Raises UnsupportedError (a package is missing, or no thread may run) and OptionError (key or address).
    """

    def __init__(self, client_id: str, client_key: str, key_id: str, auth_server: str, scope: str, *,
                 timeout_s: float, proxy: Optional[str] = None, ca_file: Optional[str] = None) -> None:
        if _reports.uwsgi_forbids_threads():
            raise UnsupportedError("OAuth fetches its tokens in a thread: start uWSGI with enable-threads", "oauth_client_id")
        self._client_id = client_id
        self._client_key = client_key
        self._key_id = key_id
        self._server = _checked(auth_server.rstrip("/"))
        self._scope = scope
        self._timeout_s = timeout_s
        self._skew_s = 0.0  # of this machine's clock against the server's
        proxies = None if proxy is None else {"http": proxy, "https": proxy}
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), _NoRedirect(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
        self._sign = _signer()
        try:
            self._assertion()
        except Exception:
            raise OptionError("is no RSA private key in PEM form; copy it again, with its BEGIN and END lines",
                              "oauth_client_key") from None

    def fetch(self) -> Tuple[str, float]:
        """A new access token, and for how many seconds it is valid. Raises TokenError."""
        skew_s = self._skew_s
        try:
            return self._request()
        except _OldAssertion:
            if abs(self._skew_s - skew_s) < 1:  # so the clock is not what is wrong
                raise
        return self._request()

    def _assertion(self) -> str:
        now = int(time.time() - self._skew_s)
        claims = {"iss": self._client_id, "sub": self._client_id, "aud": self._server, "jti": str(uuid.uuid4()),
                  "iat": now - CLOCK_LEEWAY_S, "exp": now + ASSERTION_S}
        return str(self._sign(claims, self._client_key, algorithm="RS256", headers={"kid": self._key_id}))

    def _request(self) -> Tuple[str, float]:
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion(), "scope": self._scope}
        request = urllib.request.Request(self._server + "/token", urllib.parse.urlencode(form).encode(),
                                         {"Accept": "application/json"})
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return _token_in(answer.read(ANSWER_MAX))
        except urllib.error.HTTPError as refusal:
            with refusal:
                self._note_clock(refusal.headers.get("Date"))
                raise _error_of(refusal) from None
        except TokenError:
            raise
        except Exception as error:
            raise TokenError(f"{self._server} does not answer ({_cause(error)})") from None

    def _note_clock(self, date: Optional[str]) -> None:
        try:
            self._skew_s = time.time() - parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError):
            pass


class _OldAssertion(TokenError):
    """The server's clock is another one."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An assertion goes to the server that it names, or nowhere."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def _checked(server: str) -> str:
    parts = urllib.parse.urlsplit(server)
    if parts.scheme == "https" and parts.hostname:
        return server
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"):
        return server
    raise OptionError("must be an address that begins with https://, so that nobody reads the tokens",
                      "oauth_auth_server")


def _signer() -> Callable[..., Any]:
    try:
        import cryptography  # noqa: F401
        import jwt
    except ImportError:
        raise UnsupportedError("OAuth needs PyJWT and cryptography: pip install 'segmo[oauth]', or Debian's python3-jwt "
                               "and python3-cryptography", "oauth_client_id") from None
    return jwt.encode


def _token_in(body: bytes) -> Tuple[str, float]:
    try:
        answer = json.loads(body)
        token, life = answer["access_token"], answer.get("expires_in")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TokenError("the answer holds no access_token") from None
    if not isinstance(token, str) or not token:
        raise TokenError("the answer holds no access_token")
    is_usable = isinstance(life, (int, float)) and 0 < life < float("inf")
    return token, float(life) if is_usable else LIFE_UNKNOWN_S


def _error_of(refusal: urllib.error.HTTPError) -> TokenError:
    code, description = _words_in(refusal)
    status = refusal.code
    if code == "invalid_request" and description in OLD_ASSERTION:
        return _OldAssertion("the token server finds the assertion too old or too new: set this machine's clock",
                             status)
    words = f"the token server answered {status}{' ' + code if code.isidentifier() else ''}"
    if status in (400, 401, 403, 415):
        return TokenError(f"{words}: check oauth_client_id, oauth_client_key, oauth_key_id and oauth_scope", status,
                          is_final=True)
    if 300 <= status < 400 or status == 404:
        return TokenError(f"{words}: check oauth_auth_server", status, is_final=True)
    return TokenError(words, status, wait_s=_asked_wait(refusal))


def _words_in(refusal: urllib.error.HTTPError) -> Tuple[str, str]:
    """Only the first is repeated to anybody: a description may quote what was sent."""
    try:
        answer = json.loads(refusal.read(ANSWER_MAX))
        return str(answer.get("error", ""))[:40], str(answer.get("error_description", ""))
    except Exception:
        return "", ""


def _asked_wait(refusal: urllib.error.HTTPError) -> Optional[float]:
    for name in ("Retry-After", "X-RateLimit-Reset"):
        text = refusal.headers.get(name, "").strip()
        if text.isdecimal():
            return min(float(text), LONGEST_WAIT_S)
        try:
            return min(max(0.0, parsedate_to_datetime(text).timestamp() - time.time()), LONGEST_WAIT_S)
        except (TypeError, ValueError):
            pass
    return RATE_LIMIT_S if refusal.code == 429 else None


def _cause(error: Exception) -> str:
    """The kind of the failure; its words could hold the address of a proxy, with its password."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return type(reason).__name__ if isinstance(reason, BaseException) else "no answer"


def _backoff(failures: int) -> float:
    return random.uniform(0.5, 1.0) * min(BACKOFF_CAP_S, BACKOFF_S * 2.0 ** min(failures, 16))


class TokenKeeper:
    """Keeps a client supplied with a token: one thread, which sleeps until half of the token's life is over, or it is
    refused. A token stays in use until there is another one.

    use(token)     puts a token into use
    failed(error)  hears of credentials that the token server refuses, once until that changes
    """

    def __init__(self, source: TokenSource, use: Callable[[str], Any], failed: Callable[[TokenError], Any],
                 log: logging.Logger) -> None:
        self._source = source
        self._use = use
        self._failed = failed
        self._log = log
        self._due = 0.0  # on the monotonic clock, which goes on in a forked child
        self._failures = 0
        self._refusals = 0  # by Segment, in a row
        self._is_refused = False  # by the token server
        self.forked()

    def forked(self) -> None:
        """In the child: the thread is the parent's, the token is as good as there."""
        self._wake = threading.Event()
        self._lock = threading.Lock()  # over the plan for the next fetch, and the start
        self._thread: Optional[threading.Thread] = None
        self._stopped = False

    def start(self) -> None:
        """Once in each process; further calls do nothing."""
        with self._lock:
            if self._thread:
                return
            self._thread = threading.Thread(target=self._run, name="segmo-oauth", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # a limit, or the end of the program
                self._log.warning("no access token for Segment: %s", error)

    def stop(self) -> None:
        """Does not wait: a request that is on its way ends by its timeout, and its token is not used."""
        self._stopped = True
        self._wake.set()

    def refuse(self) -> bool:
        """Segment refuses the token: another one is fetched. True when that is likely to help."""
        with self._lock:
            self._refusals += 1
            is_first = self._refusals == 1
            if self._failures == 0:  # else a fetch is due anyway, when the server allows one
                self._due = time.monotonic() + (0.0 if is_first else _backoff(self._refusals))
                self._wake.set()
            return is_first and not self._is_refused

    def accept(self) -> None:
        self._refusals = 0

    def _run(self) -> None:
        while not self._stopped:
            left = self._due - time.monotonic()
            if left > 0:
                self._wake.wait(left)
                self._wake.clear()
            else:
                self._renew()

    def _renew(self) -> None:
        try:
            token, life_s = self._source.fetch()
            if self._stopped:
                return
            with self._lock:  # before the token is in use, because from then on Segment may refuse it
                self._failures = 0
                self._is_refused = False
                self._due = time.monotonic() + life_s / 2
            self._use(token)
        except ClosedError:
            self._stopped = True
        except TokenError as error:
            self._put_off(error)
        except SegmoError:
            self._put_off(TokenError("the access token is none that can be sent in a header", wait_s=REFUSED_AGAIN_S))

    def _put_off(self, error: TokenError) -> None:
        wait_s = REFUSED_AGAIN_S if error.is_final else error.wait_s
        with self._lock:
            if wait_s is None:
                wait_s = _backoff(self._failures)
            self._failures += 1
            self._due = time.monotonic() + wait_s
            is_new = error.is_final and not self._is_refused
            self._is_refused = self._is_refused or error.is_final
        self._log.warning("no access token for Segment: %s; messages wait, the next try is in %.1f s", error, wait_s)
        if is_new:
            self._failed(error)
