"""Publishes with pika: `pika_identity.py URL few` a little, `pika_identity.py URL much` of everything."""

import sys
from datetime import datetime
from decimal import Decimal

import pika

HEADERS = {
    "text": "grüße",
    "yes": True,
    "int": -7,
    "long": 2**40,
    "decimal": Decimal("12.5"),
    "time": datetime(2023, 11, 14),
    "bytes": b"\x00\xff\xce",
    "table": {"a": {"b": "c"}},
    "list": ["a", 1, [None]],
    "nothing": None,
}
VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()


def publish(body=b"body", key="nowhere", mandatory=False, **properties):
    try:
        channel.basic_publish("", key, body, pika.BasicProperties(**properties), mandatory)
    except pika.exceptions.UnroutableError:
        pass


publish()
publish(headers=HEADERS, delivery_mode=2, correlation_id="c")
if sys.argv[2] == "much":
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    for size in (0, 1, 131064, 131065, 400000):
        publish(b"\xce" * size, queue)
    publish(key=queue, headers={})
    publish(key=queue, headers={"traceparent": VALID, "tracestate": "a=b", "last": 1})
    publish(key=queue, headers={"traceparent": "invalid", "tracestate": "a=b", "last": 1})
    publish(key=queue, headers={"x-tracehare-sent": 5, "last": 1})
    publish(mandatory=True)
    publish(mandatory=True, headers={})
    publish(mandatory=True, headers=HEADERS, content_type="text/plain", content_encoding="identity", app_id="a")
    for method, _properties, _body in channel.consume(queue, inactivity_timeout=5):
        channel.basic_ack(method.delivery_tag)
        if method.delivery_tag == 9:
            break
    channel.cancel()
connection.close()
