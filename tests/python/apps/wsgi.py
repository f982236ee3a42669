"""A web application whose client opens before the server forks, and has sent something already.

GET /?first=N&count=N tracks that many events of the worker that answers; their numbers start at `first`.
"""
import os
import sys
from urllib.parse import parse_qs

import segmo

client = segmo.Client(on_error=lambda report: print("heard in", os.getpid(), file=sys.stderr, flush=True))
client.track("parent", "Server Started", {"seq": 0})


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    first, count = (int(query[name][0]) for name in ("first", "count"))
    for seq in range(first, first + count):
        client.track("request-%d" % first, "Lamp Lit", {"seq": seq})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
