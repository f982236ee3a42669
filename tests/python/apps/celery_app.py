"""Tasks that track, over a client that was opened before the pool forked."""
import os

import segmo
from celery import Celery

app = Celery("shop", broker=os.environ["BROKER"])
app.conf.worker_prefetch_multiplier = 1
client = segmo.Client()
client.track("parent", "Server Started", {"seq": 0})


@app.task
def record(first, count):
    for seq in range(first, first + count):
        client.track("request-%d" % first, "Lamp Lit", {"seq": seq})
