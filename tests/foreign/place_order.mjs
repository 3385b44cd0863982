// Places orders with a plain NATS client, as docs/protocol.md says.
//
//     node place_order.mjs URL SKU PRICE_MINOR CURRENCY
//
// Prints one line of JSON for each thing it did.

import { randomBytes } from "node:crypto";
import { decode, encode } from "@msgpack/msgpack";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect, createInbox, headers } from "@nats-io/transport-node";

const PATIENCE_MS = 20_000;
const text = { encoder: new TextEncoder(), decoder: new TextDecoder() };
const encodings = {
  "application/json": [
    (value) => text.encoder.encode(JSON.stringify(value)),
    (bytes) => JSON.parse(text.decoder.decode(bytes)),
  ],
  "application/msgpack": [encode, decode],
};

/** A UUIDv7: 48 bits of milliseconds, the rest is chance. */
function newId() {
  const raw = randomBytes(16);
  raw.writeUIntBE(Date.now(), 0, 6);
  raw[6] = (raw[6] & 0x0f) | 0x70;
  raw[8] = (raw[8] & 0x3f) | 0x80;
  return raw.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function say(what, facts = {}) {
  console.log(JSON.stringify({ what, ...facts }));
}

const [url, sku, price, currency] = process.argv.slice(2);
const client = await connect({ servers: url, reconnect: false });
const buckets = new Kvm(jetstream(client));

function order(quantity) {
  const lines = [{ sku, quantity, unit_price_minor: Number(price) }];
  const body = {
    order_id: newId(),
    customer_ref: "cust-4711",
    lines,
    currency,
    payment_method_token: "tok_visa",
  };
  return { command_id: newId(), body };
}

function headersOf(contentType) {
  const h = headers();
  h.set("Content-Type", contentType);
  h.set("Kassa-Type", "place_order/1");
  return h;
}

async function ask(envelopes, contentType, market = "main") {
  const [write, read] = encodings[contentType];
  const subject = `kassa.${market}.ask.node.order.place`;
  const options = { timeout: 2_000, headers: headersOf(contentType) };
  const reply = await client.request(subject, write(envelopes), options);
  return read(reply.data);
}

/** Gives JetStream's acknowledgement and the outcome. */
async function publish(envelope, contentType) {
  const [write, read] = encodings[contentType];
  const inbox = createInbox();
  const outcomes = client.subscribe(inbox, { max: 1, timeout: PATIENCE_MS });
  const h = headersOf(contentType);
  h.set("Kassa-Reply-To", inbox);
  const subject = "kassa.main.cmd.node.order.place";
  const ack = await client.request(subject, write(envelope), { timeout: 5_000, headers: h });
  for await (const outcome of outcomes) {
    return [ack.json(), read(outcome.data)];
  }
  throw new Error("no outcome");
}

/** The value under a key, as soon as it says enough. */
async function view(bucket, key, isEnough) {
  const store = await buckets.open(`kassa_main_${bucket}`);
  const watch = await store.watch({ key });
  const late = setTimeout(() => watch.stop(new Error(`${key} of ${bucket}`)), PATIENCE_MS);
  for await (const entry of watch) {
    const value = entry.operation === "PUT" ? entry.json() : undefined;
    if (value !== undefined && isEnough(value)) {
      clearTimeout(late);
      return value;
    }
  }
  throw new Error(`${key} of ${bucket} was not seen in time`);
}

/** The order and its stock, as of at least its own commit. */
async function look(orderId, outcome) {
  const isDone = (order) => order.event_seq >= outcome.event_seq && order.state !== "placed";
  const seenOrder = await view("orders", orderId, isDone);
  const reflects = (value) => value.event_seq >= seenOrder.event_seq;
  const stock = await view("stock", sku, reflects);
  const position = await view("orders", "_position", reflects);
  return { order: seenOrder, stock, position };
}

for (const encoding of Object.keys(encodings)) {
  const asked = order(2);
  const outcome = await ask(asked, encoding);
  const again = await ask(asked, encoding);
  const id = asked.body.order_id;
  say("asked", { encoding, id, outcome, again, ...(await look(id, outcome)) });

  const published = order(1);
  const [ack, later] = await publish(published, encoding);
  const laterId = published.body.order_id;
  const seen = await look(laterId, later);
  say("published", { encoding, id: laterId, ack, outcome: later, ...seen });

  say("several", { encoding, outcomes: await ask([order(1), order(1_000_000)], encoding) });
}

try {
  await ask(order(1), "application/json", "nowhere");
} catch (error) {
  if (!error.isNoResponders?.()) throw error;
  say("nobody");
}
await client.close();
