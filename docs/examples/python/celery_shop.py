"""Orders are packed by a Celery worker, which knows about the request that placed them.

    celery -A celery_shop worker      # CELERY_BROKER_URL names the broker
    gunicorn celery_shop:web
"""
from celery import Celery
from flask import Flask, request

import segmo
import segmo.celery
import segmo.wsgi

app = Celery("shop")
segmo.celery.carry_context()
client = segmo.Client()  # for the web server, for the worker and for each process that these fork
web = Flask(__name__)
web.wsgi_app = segmo.wsgi.RequestContext(web.wsgi_app)  # type: ignore[assignment]


@app.task
def pack(order: str) -> None:
    client.track(event="Order Packed", properties={"order": order})


@web.post("/orders")
def place_order() -> str:
    with segmo.context.use(user_id=request.form["user"]):
        client.track(event="Order Placed", properties={"order": request.form["order"]})
        pack.delay(request.form["order"])
    return "thank you\n"
