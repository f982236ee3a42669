"""Tasks that start each other."""
from celery import Celery

import segmo
import segmo.celery

app = Celery("context")
segmo.celery.carry_context()
client = segmo.Client()


@app.task
def say(name):
    client.track(event=name, anonymous_id=None if segmo.context.current().get("userId") else "nobody")


@app.task
def start_another(name):
    say.delay(name)


@app.task(bind=True, max_retries=2)
def try_again(self, name):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    client.track(event=name)


@app.task
def fail():
    raise KeyError("not today")
