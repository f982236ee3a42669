"""A shop at work, for pictures of the debugger page: messages as people cause them, services as they are on a middling day."""
import threading
import time

import generate

SOURCES = [
    {"id": "shop-backend", "type": "server", "segment.write_key": "WKSHOPBACKEND0123456789"},
    {"id": "website", "type": "javascript", "connection_mode": "cloud", "segment.write_key": "WKWEBSITE0123456789abcd"},
    {"id": "ios-app", "type": "ios", "connection_mode": "cloud", "segment.write_key": "WKIOSAPP0123456789abcdef"},
]
RULES = {
    "segment": [{"status": 400, "match": "Gift Card Redeemed", "body": '{"success":false,"code":"invalid","message":"properties/giftCardCode: must be a string"}'},
                {"status": 503, "share": 0.05}, {"latency_ms": 160, "share": 0.04}, {"latency_ms": 55, "share": 0.25}, {"latency_ms": 22}],
    "moengage": [{"status": 429, "share": 0.04, "retry_after": 1}, {"status": 500, "share": 0.03}, {"latency_ms": 240, "share": 0.05},
                 {"latency_ms": 90, "share": 0.3}, {"latency_ms": 38}],
}
OPTIONS = {"gateway.page": True, "sources": SOURCES, "moengage.app_id": "SHOPWORKSPACE", "moengage.data_api_key": "data-api-key",
           "delivery.flush_interval_ms": 150, "delivery.flush_at": 20, "delivery.backoff_base_ms": 2000}
PEOPLE = ["asha.rao", "bjorn.lund", "chloe.martin", "ewa.nowak", "farid.haddad", "giulia.conti", "ines.costa", "joao.silva", "mei.tanaka", "noah.meyer"]
PAGES = ["Home", "Pricing", "Autumn Sale", "Delivery", "Lamp Guide"]


class Shop:
    """Messages of a shop, the same for the same seed."""

    def __init__(self, seed=11):
        self.dice = generate.Dice(seed)

    def product(self):
        dice = self.dice
        return {"productId": "P-%04d" % dice.below(9000), "productName": "%s %s" % (dice.one_of(generate.FINISHES), dice.one_of(generate.THINGS)),
                "unitPrice": dice.price(5, 120), "quantity": 1 + dice.below(3)}

    def properties(self, event):
        dice = self.dice
        if event == "Order Completed":
            return {"orderId": "O-%d" % (104000 + dice.below(900)), "orderTotal": dice.price(20, 400), "currency": "EUR", "couponCode": "AUTUMN-15",
                    "products": [self.product(), self.product()], "shipTo": {"cityName": dice.one_of(generate.CITIES), "postalCode": "8%03d" % dice.below(999)}}
        if event == "Checkout Started":
            return {"cartId": dice.hexadecimal(12), "cartTotal": dice.price(20, 400), "itemCount": 1 + dice.below(6)}
        if event == "Gift Card Redeemed":
            return {"giftCardCode": 88210000 + dice.below(9999), "giftCardValue": 50}
        return dict(self.product(), categoryName=dice.one_of(generate.CATEGORIES), listPosition=dice.below(20))

    def message(self):
        dice = self.dice
        user, roll = dice.one_of(PEOPLE), dice.below(100)
        message = {"messageId": dice.uuid(), "userId": user, "context": {"locale": dice.one_of(generate.LOCALES), "timezone": dice.one_of(generate.ZONES),
                                                                          "ip": "203.0.113.%d" % dice.below(250)}}
        if roll < 12:
            return "website", dict(message, type="page", name=dice.one_of(PAGES), properties={"pagePath": "/" + dice.one_of(PAGES).lower().replace(" ", "-")})
        if roll < 20:
            del message["userId"]
            return "website", dict(message, type="track", anonymousId=dice.uuid(), event="Product Viewed", properties=self.properties("Product Viewed"))
        if roll < 30:
            return "shop-backend", dict(message, type="identify", traits={"firstName": user.split(".")[0].title(), "email": user + "@example.com",
                                                                         "planName": dice.one_of(generate.PLANS), "lifetimeValue": dice.price(10, 4000)})
        if roll < 37:
            return "ios-app", dict(message, type="screen", name=dice.one_of(["Basket", "Product", "Profile"]))
        if roll < 39:
            return "ios-app", dict(message, type="track", properties={"itemCount": 2})  # a bug of the app: no event
        if roll < 41:
            return "shop-backend", dict(message, type="track", event="Gift Card Redeemed", properties=self.properties("Gift Card Redeemed"))
        event = ["Product Viewed", "Product Added", "Checkout Started", "Order Completed"][min(3, dice.below(100) // 28)]
        return ("ios-app", "website", "shop-backend")[dice.below(3)], dict(message, type="track", event=event, properties=self.properties(event))


def key_of(source):
    return next(each["segment.write_key"] for each in SOURCES if each["id"] == source)


class Traffic:
    """Messages sent to a gateway on a thread, `per_second` of them, coming and going as people do."""

    def __init__(self, gateway, per_second=24, seed=11):
        self.gateway, self.per_second, self.shop = gateway, per_second, Shop(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        connection, number, last = self.gateway.connect(), 0, None
        while not self._stop.is_set():
            source, message = self.shop.message()
            self.gateway.request("POST", "/v1/batch", {"writeKey": key_of(source), "batch": [message]}, connection=connection)
            if number % 41 == 40 and last:
                self.gateway.request("POST", "/v1/batch", {"writeKey": key_of(last[0]), "batch": [last[1]]}, connection=connection)
            if number % 97 == 60:
                self.gateway.request("POST", "/v1/track", {"writeKey": "WKFORGOTTEN", "event": "x"}, connection=connection)
            number, last = number + 1, (source, message)
            busy = 0.6 + 0.8 * (int(time.monotonic() / 7) % 3) / 2
            self._stop.wait((0.4 + self.shop.dice.below(120) / 100) / self.per_second / busy)
        connection.close()

    def stop(self):
        self._stop.set()
        self._thread.join()


def begin(sandbox):
    for service, rules in RULES.items():
        sandbox.script(*rules, service=service)
    return dict(OPTIONS, **{"moengage.url": sandbox.url})


def pictures(browser, gateway, directory):
    """The page with a message open, the overview and the dead letters, light, dark and narrow."""
    made = []

    def take(name):
        path = directory / (name + ".png")
        browser.picture(path)
        made.append(path)

    browser.press("1")
    browser.evaluate("document.getElementById('list').focus()")
    find = "[...document.querySelectorAll('.row')].find((row) => row.textContent.includes('Order Completed') && row.querySelectorAll('.is-delivered').length === 2)"
    browser.wait("(() => { const row = %s; row?.click(); return !!row; })()" % find, "an order is delivered to both")
    browser.wait("document.querySelector('#detail .json-line.has-changed') !== null", "its form is shown")
    for name, scheme in (("messages", "light"), ("messages-dark", "dark")):
        browser.prefer(color_scheme=scheme)
        take(name)
    browser.press("2")
    browser.click(".overview .switch button[data-seconds='60']")
    browser.wait("document.querySelectorAll('#view-overview .line').length > 4", "the charts are drawn")
    for name, scheme in (("overview", "light"), ("overview-dark", "dark")):
        browser.prefer(color_scheme=scheme)
        take(name)
    browser.prefer(color_scheme="light")
    browser.press("3")
    browser.wait("document.querySelector('.letter') !== null", "a letter is shown")
    take("dead")
    browser.resize(390, 844, scale=2, mobile=True)
    browser.press("1")
    take("narrow-detail")
    browser.press("Escape")
    take("narrow-messages")
    browser.press("2")
    take("narrow-overview")
    browser.resize(1440, 900)
    browser.press("1")
    return made
