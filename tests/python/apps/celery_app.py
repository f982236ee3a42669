"""Tasks that track, over a client that was opened before the pool forked. The broker is a directory."""
import os

import segmo
from celery import Celery

folder = os.environ["BROKER_DIR"]
app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder,
                                     "polling_interval": 0.02}
app.conf.worker_prefetch_multiplier = 1
client = segmo.Client()
client.track("parent", "Server Started", {"seq": 0})


@app.task
def record(first, count):
    for seq in range(first, first + count):
        client.track("request-%d" % first, "Lamp Lit", {"seq": seq})
