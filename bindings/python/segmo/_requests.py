"""What an HTTP request tells about the messages that are made while it is answered."""
import ipaddress
from typing import Any, Callable, Dict, List, NamedTuple, Optional
from urllib.parse import quote, unquote

from .context import Members

LONGEST = 1024  # of what a stranger wrote, in characters: no request may make a message too large
ANONYMOUS_ID_COOKIE = "ajs_anonymous_id"  # of Segment's library for browsers


class Request(NamedTuple):
    """The parts of a request that matter, from any kind of server."""

    peer: str
    scheme: str
    host: str
    path: str
    """ decoded, with what the application is mounted under """
    query: str
    header: Callable[[str], str]
    """ of a name in lower case; "" where there is none """


class Visit:
    """The members of messages made for one request. Reads it once, and only when a message is made."""

    def __init__(self, request: Any, read: Callable[[Any], Request], trusted_proxies: int,
                 user_id: Optional[Callable[[Any], Any]]) -> None:
        self._request = request
        self._read = read
        self._trusted_proxies = trusted_proxies
        self._user_id = user_id
        self._members: Optional[Dict[str, Any]] = None

    def __call__(self) -> Members:
        if self._members is None:
            self._members = members_of(self._read(self._request), self._trusted_proxies)
        user_id = self._user_id(self._request) if self._user_id else None
        return self._members if user_id is None else {**self._members, "userId": user_id}


def members_of(request: Request, trusted_proxies: int) -> Dict[str, Any]:
    """`context` with ip, userAgent, locale and page, and `anonymousId` when the browser has one."""
    query = quote(request.query, "%/:?#[]@!$&'()*+,;=-._~", errors="replace")
    path = quote(request.path, "/:@!$&'()*+,;=-._~", errors="replace")
    search = f"?{query}" if query else ""
    page = {"path": path, "search": search, "referrer": request.header("referer"),
            "url": f"{request.scheme}://{request.host}{path}{search}" if request.host else ""}
    context = {"ip": client_address(request, trusted_proxies), "userAgent": request.header("user-agent"),
               "locale": preferred_language(request.header("accept-language")), "page": _known(page)}
    anonymous_id = cookie(request.header("cookie"), ANONYMOUS_ID_COOKIE)
    return _known({"context": _known(context), "anonymousId": anonymous_id})


def client_address(request: Request, trusted_proxies: int) -> str:
    """The peer, or what `trusted_proxies` proxies before the server say about theirs; "" if not an address."""
    forwarded = [address for address in request.header("x-forwarded-for").split(",") if address]
    chain = [*forwarded, request.peer]
    return _address(chain[max(0, len(chain) - 1 - trusted_proxies)])


def preferred_language(accepted: str) -> str:
    """Of an Accept-Language header the language that is liked best, as it is written there."""
    liked: List[tuple[float, str]] = []
    for part in accepted.split(","):
        language, _, weight = part.partition(";")
        try:
            liked.append((-float(weight.partition("=")[2] or 1), language.strip()))
        except ValueError:
            pass
    best = min(liked, key=lambda pair: pair[0], default=(0, ""))[1]
    return "" if best == "*" else best


def cookie(header: str, name: str) -> str:
    for part in header.split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return unquote(value).strip(' "')
    return ""


def text_of(header: str) -> str:
    """A header as servers hand it over (Latin-1) as the text it most likely is."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")


def _address(text: str) -> str:
    """Without a port and the brackets of IPv6."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return ""


def _known(members: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value[:LONGEST] if isinstance(value, str) else value for name, value in members.items() if value}
