"""A shop with Flask. Keys come from the environment, for example SEGMO_SEGMENT_WRITE_KEY.

    gunicorn flask_shop:app
"""
import os

from flask import Flask, request, session

from segmo.flask import Segmo

app = Flask(__name__)
app.secret_key = os.environ["FLASK_SECRET_KEY"]
app.config["SEGMO"] = {
    "user_id": lambda: session.get("user_id"),
    "export_secret": os.environ["EXPORT_SECRET"],  # what MoEngage sends with the campaign export
}
segmo = Segmo(app)
segmo.add_campaign_export(app, "/moengage/streams")


@app.post("/sign-in")
def sign_in() -> str:
    session["user_id"] = request.form["user"]
    segmo.client.identify(session["user_id"], {"plan": request.form.get("plan", "free")})
    return "welcome\n"


@app.get("/search")
def search() -> str:
    """Who searches, and from where, is in the request."""
    segmo.client.track(event="Products Searched", properties={"query": request.args["query"]})
    return "nothing found\n"
