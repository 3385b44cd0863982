"""Places orders with a plain NATS client, as docs/protocol.md says.

    python place_order.py URL SKU PRICE_MINOR CURRENCY

Prints one line of JSON for each thing it did.
"""

import asyncio
import json
import secrets
import sys
import time
import uuid

import blake3
import msgpack
import nats
import zstandard
from nats.errors import NoRespondersError

ENCODINGS = {
    "application/json": (lambda value: json.dumps(value).encode(), json.loads),
    "application/msgpack": (msgpack.packb, msgpack.unpackb),
}
PATIENCE = 20


def new_id():
    """A UUIDv7: 48 bits of milliseconds, the rest is chance."""
    raw = bytearray(int(time.time() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def say(what, **facts):
    print(json.dumps({"what": what, **facts}), flush=True)


class Shop:
    def __init__(self, client, sku, price, currency):
        self.client, self.jetstream = client, client.jetstream()
        self.sku, self.price, self.currency = sku, price, currency

    def order(self, quantity):
        body = {
            "order_id": new_id(),
            "customer_ref": "cust-4711",
            "lines": [{"sku": self.sku, "quantity": quantity, "unit_price_minor": self.price}],
            "currency": self.currency,
            "payment_method_token": "tok_visa",
        }
        return {"command_id": new_id(), "body": body}

    async def ask(self, envelopes, content_type, market="main"):
        write, read = ENCODINGS[content_type]
        headers = {"Content-Type": content_type, "Kassa-Type": "place_order/1"}
        subject = f"kassa.{market}.ask.python.order.place"
        reply = await self.client.request(subject, write(envelopes), timeout=2, headers=headers)
        return read(reply.data)

    async def publish(self, envelope, content_type):
        """Returns JetStream's acknowledgement and the outcome."""
        write, read = ENCODINGS[content_type]
        inbox = self.client.new_inbox()
        outcomes = await self.client.subscribe(inbox, max_msgs=1)
        headers = {
            "Content-Type": content_type,
            "Kassa-Type": "place_order/1",
            "Kassa-Reply-To": inbox,
        }
        subject = "kassa.main.cmd.python.order.place"
        ack = await self.client.request(subject, write(envelope), timeout=5, headers=headers)
        outcome = await outcomes.next_msg(timeout=PATIENCE)
        return json.loads(ack.data), read(outcome.data)

    async def view(self, bucket, key, is_enough):
        """The value under a key, as soon as it says enough."""
        store = await self.jetstream.key_value(f"kassa_main_{bucket}")
        watch = await store.watch(key)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                entry = await watch.updates(timeout=1)
            except nats.errors.TimeoutError:
                continue
            if entry is not None and entry.value:
                value = json.loads(entry.value)
                if is_enough(value):
                    await watch.stop()
                    return value
        raise TimeoutError(f"{key} of {bucket}")

    async def look(self, order_id, outcome):
        """The order and its stock, as of at least its own commit."""
        at_least = outcome["event_seq"]
        order = await self.view(
            "orders",
            order_id,
            lambda order: order["event_seq"] >= at_least and order["state"] != "placed",
        )
        confirmed = order["event_seq"]
        stock = await self.view(
            "stock", self.sku, lambda stock: stock["event_seq"] >= confirmed
        )
        position = await self.view(
            "orders", "_position", lambda position: position["event_seq"] >= confirmed
        )
        return {"order": order, "stock": stock, "position": position}

    async def read_log(self):
        """Follows the chain from the first commit to the last one there is now."""
        info = await self.jetstream.stream_info("KASSA_MAIN_EVENTS", subjects_filter=">")
        commits = info.state.subjects["kassa.main.evt.commit"]
        log = await self.jetstream.subscribe("kassa.main.evt.commit", ordered_consumer=True)
        hash_before, events = bytes(32), 0
        for number in range(1, commits + 1):
            message = await log.next_msg(timeout=PATIENCE)
            commit = msgpack.unpackb(message.data)
            assert message.headers["Kassa-Type"] == "commit/2"
            assert commit["number"] == number, commit["number"]
            assert commit["prev_hash"] == hash_before, f"the chain is broken at {number}"
            hash_before = blake3.blake3(message.data).digest()
            events += len(msgpack.unpackb(zstandard.decompress(commit["events"])))
        return {"commits": commits, "events": events}


async def main(url, sku, price, currency):
    client = await nats.connect(url, allow_reconnect=False)
    shop = Shop(client, sku, int(price), currency)

    for content_type in ENCODINGS:
        envelope = shop.order(2)
        order_id = envelope["body"]["order_id"]
        outcome = await shop.ask(envelope, content_type)
        again = await shop.ask(envelope, content_type)
        seen = await shop.look(order_id, outcome)
        say("asked", encoding=content_type, id=order_id, outcome=outcome, again=again, **seen)

        envelope = shop.order(1)
        order_id = envelope["body"]["order_id"]
        ack, outcome = await shop.publish(envelope, content_type)
        seen = await shop.look(order_id, outcome)
        say("published", encoding=content_type, id=order_id, ack=ack, outcome=outcome, **seen)

        several = await shop.ask([shop.order(1), shop.order(1_000_000)], content_type)
        say("several", encoding=content_type, outcomes=several)

    try:
        await shop.ask(shop.order(1), "application/json", market="nowhere")
    except NoRespondersError:
        say("nobody")
    say("log", **await shop.read_log())
    await client.close()


asyncio.run(main(*sys.argv[1:]))
