"""Methods sent with nowait by pika's SelectConnection, which does so wherever no callback is given.

`pika_nowait.py URL` prints as JSON what came of it.
"""

import json
import sys

import pika

QUEUE = "pika-nowait"
seen = {"messages": [], "unexpected": []}


def opened(channel):
    channel.add_on_close_callback(lambda _channel, reason: finish(reason))
    channel.exchange_declare("pika-front", "topic")
    channel.exchange_declare("pika-back", "fanout")
    channel.exchange_bind("pika-back", "pika-front", "in.#")
    channel.queue_declare(QUEUE)
    channel.queue_bind(QUEUE, "pika-back", "")
    channel.queue_bind(QUEUE, "amq.direct", "unbound again")
    channel.queue_purge(QUEUE)
    channel.basic_consume(QUEUE, take, auto_ack=False, consumer_tag="cancelled")
    channel.basic_cancel("cancelled")
    channel.queue_unbind(QUEUE, "amq.direct", "unbound again", callback=lambda _frame: publish(channel))


def publish(channel):
    channel.confirm_delivery(lambda frame: seen.setdefault("confirms", []).append(frame.method.delivery_tag))
    channel.basic_publish("pika-front", "in.a", b"one")
    channel.basic_publish("pika-front", "out.b", b"not bound")
    channel.basic_publish("amq.direct", "unbound again", b"not bound either")
    channel.basic_publish("pika-front", "in.c", b"two")
    channel.basic_consume(QUEUE, take, consumer_tag="stays")


def take(channel, method, _properties, body):
    seen["messages"].append([method.consumer_tag, method.delivery_tag, body.decode()])
    channel.basic_ack(method.delivery_tag)
    if len(seen["messages"]) == 2:
        channel.queue_delete(QUEUE)
        channel.exchange_delete("pika-front")
        channel.exchange_delete("pika-back")
        # a nowait that fails closes the channel
        channel.queue_bind("none", "amq.direct", "key")


def finish(reason):
    seen["closed"] = [reason.reply_code, reason.reply_text]
    connection.close()


connection = pika.SelectConnection(
    pika.URLParameters(sys.argv[1]),
    on_open_callback=lambda link: link.channel(on_open_callback=opened),
    on_open_error_callback=lambda _link, error: sys.exit(str(error)),
    on_close_callback=lambda link, _reason: link.ioloop.stop(),
)
connection.ioloop.start()
seen["confirms"] = max(seen.get("confirms", [0]))
print(json.dumps(seen))
