"""The provider's own client against a simulated one.

    python provider.py <url> <key> all|smoke|smoke_card|hear

Prints a JSON line for each thing it did. `smoke` is what another simulator can do as well,
`smoke_card` pays once, `hear` takes one webhook.
"""

import http.server
import json
import secrets
import sys
import threading
import time
import uuid

import stripe

URL, KEY, WHAT = sys.argv[1:4]
SECRET = "whsec_python"

stripe.api_key = KEY
stripe.api_base = URL
stripe.max_network_retries = 0


def say(what, **fields):
    print(json.dumps({"what": what, **fields}), flush=True)


def new_order():
    """A UUID of version 7: its first 48 bits are the time."""
    now, chance = int(time.time() * 1000), secrets.randbits(74)
    bits = now << 80 | 7 << 76 | (chance >> 62) << 64 | 2 << 62 | chance & (1 << 62) - 1
    return str(uuid.UUID(int=bits))


def pay(method, **more):
    order = new_order()
    return stripe.PaymentIntent.create(
        amount=1250,
        currency="eur",
        payment_method=method,
        payment_method_types=["card"],
        confirm=True,
        metadata={"kassa_order": order, "kassa_attempt": "1", "kassa_key": order + "-1"},
        **more,
    )


def declined_card():
    if WHAT == "all":
        return "pm_card_chargeDeclined"
    # The other simulator knows declined cards by their number alone.
    card = {"number": "4000000000000002", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    return stripe.PaymentMethod.create(type="card", card=card).id


def smoke():
    paid = pay("pm_card_visa")
    again = stripe.PaymentIntent.retrieve(paid.id)
    say("paid", id=paid.id, status=again.status, amount=again.amount, currency=again.currency,
        order=again.metadata["kassa_order"])
    try:
        pay(declined_card())
    except stripe.CardError as error:
        say("declined", status=error.http_status, code=error.code,
            decline_code=error.error.decline_code)
    part = stripe.Refund.create(payment_intent=paid.id, amount=400,
                                metadata={"kassa_order": again.metadata["kassa_order"]})
    say("refunded", status=part.status, amount=part.amount, payment_intent=part.payment_intent)
    try:
        stripe.Refund.create(payment_intent=paid.id, amount=851)
    except stripe.InvalidRequestError as error:
        say("too much", status=error.http_status)
    say("listed", mine=any(one.id == paid.id for one in stripe.PaymentIntent.list(limit=10)))


def whole():
    try:
        stripe.PaymentIntent.retrieve("pi_nobody")
    except stripe.InvalidRequestError as error:
        say("missing", status=error.http_status, code=error.code)
    try:
        stripe.PaymentIntent.retrieve("pi_nobody", api_key="sk_test_wrong")
    except stripe.AuthenticationError as error:
        say("stranger", status=error.http_status)
    key = str(uuid.uuid4())
    terms = {"amount": 990, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    first = stripe.PaymentIntent.create(**terms, idempotency_key=key)
    second = stripe.PaymentIntent.create(**terms, idempotency_key=key)
    say("same key", same=first.id == second.id,
        replayed=second.last_response.headers.get("Idempotent-Replayed"))
    try:
        stripe.PaymentIntent.create(**{**terms, "amount": 991}, idempotency_key=key)
    except stripe.IdempotencyError as error:
        say("other parameters", status=error.http_status)
    try:
        pay("pm_card_chargeDeclinedLostCard")
    except stripe.CardError as error:
        say("advised", decline_code=error.error.decline_code, advice=error.error.advice_code)
    found = pay("pm_card_visa", error_on_requires_action=True)
    query = f"metadata['kassa_order']:'{found.metadata['kassa_order']}'"
    say("searched", found=[one.id for one in stripe.PaymentIntent.search(query=query)] == [found.id])
    for _ in range(5):
        pay("pm_card_visa")
    pages = stripe.PaymentIntent.list(limit=2)
    ids = [one.id for one in pages.auto_paging_iter()]
    say("paged", whole=len(ids) == len(set(ids)) >= 7)
    say("balance", object=stripe.Balance.retrieve().object)


def hear():
    """Takes one webhook and has the client check its signature."""
    told = threading.Event()

    class Desk(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            event = stripe.Webhook.construct_event(body, self.headers["stripe-signature"], SECRET)
            say("told", type=event.type, object=event.data.object.object)
            self.send_response(200)
            self.end_headers()
            told.set()

        def log_message(self, *_):
            pass

    desk = http.server.HTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=desk.serve_forever, daemon=True).start()
    say("hears", url=f"http://127.0.0.1:{desk.server_port}/", secret=SECRET)
    return told


def main():
    if WHAT == "hear":
        told = hear()
        if not told.wait(60):
            sys.exit("nothing was told")
        return
    if WHAT == "smoke_card":
        pay("pm_card_visa")
        return
    smoke()
    if WHAT == "all":
        whole()


main()
