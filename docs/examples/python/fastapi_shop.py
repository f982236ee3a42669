"""A shop with FastAPI. Keys come from the environment, for example SEGMO_SEGMENT_WRITE_KEY.

    python3 -m uvicorn fastapi_shop:app
"""
import os

from fastapi import Depends, FastAPI, Header, HTTPException, Request

from segmo import Client
from segmo.fastapi import Segmo

TOKENS = {"token-of-asha": "user-1"}

app = FastAPI()
segmo = Segmo(app, user_id=lambda request: getattr(request.state, "user_id", None),
              export_secret=os.environ["EXPORT_SECRET"])  # what MoEngage sends with the campaign export
segmo.add_campaign_export("/moengage/streams")


def signed_in(request: Request, authorization: str = Header("")) -> str:
    user_id = TOKENS.get(authorization[len("Bearer "):])
    if not user_id:
        raise HTTPException(401)
    request.state.user_id = user_id
    return user_id


@app.post("/orders")
def order(total: float, user_id: str = Depends(signed_in), client: Client = Depends(segmo)) -> str:
    client.track(user_id, "Order Completed", {"total": total, "currency": "EUR"})
    return "thank you"


@app.get("/search", dependencies=[Depends(signed_in)])
async def search(query: str) -> str:
    """Who searches, and from where, is in the request."""
    segmo.client.track(event="Products Searched", properties={"query": query})
    return "nothing found"
