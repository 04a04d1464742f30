"""Pika in a soak: `pika_soak.py PUBLISHES CONSUMES QUEUE` publishes numbers under confirms to the first URL, each until it
is acked, and consumes them from the second, until a line comes on stdin; goes on until all that was acked was consumed, and
prints what it knows as JSON."""

import json
import sys
import threading
import time

import pika
from pika.exceptions import NackError

publishes, consumes, queue = sys.argv[1:4]
known = {"attempts": 0, "acked": 0, "nacked": 0, "delivered": 0, "settled": 0, "broken": 0}
published, consumed = set(), set()
stopping, done = threading.Event(), threading.Event()


def connect(url):
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = parameters.stack_timeout = 10
    return pika.BlockingConnection(parameters)


def produce():
    message = 0
    while not stopping.is_set():
        try:
            connection = connect(publishes)
            channel = connection.channel()
            channel.confirm_delivery()
            while not stopping.is_set():
                known["attempts"] += 1
                try:
                    properties = pika.BasicProperties(delivery_mode=2)
                    channel.basic_publish("", queue, str(message).encode(), properties)
                except NackError:
                    known["nacked"] += 1
                    continue
                known["acked"] += 1
                published.add(message)
                message += 1
                connection.sleep(0.02)
            connection.close()
        # pika raises more than its own errors when a connection ends in the middle of a call
        except Exception as error:
            print(repr(error), file=sys.stderr)
            known["broken"] += 1
            time.sleep(0.1)


def consume():
    while not done.is_set():
        try:
            connection = connect(consumes)
            channel = connection.channel()
            channel.basic_qos(prefetch_count=20)
            for method, _, body in channel.consume(queue, inactivity_timeout=0.2):
                if done.is_set():
                    break
                if method is None:
                    continue
                known["delivered"] += 1
                consumed.add(int(body))
                channel.basic_ack(method.delivery_tag)
                known["settled"] += 1
            connection.close()
        # pika raises more than its own errors when a connection ends in the middle of a call
        except Exception as error:
            print(repr(error), file=sys.stderr)
            known["broken"] += 1
            time.sleep(0.1)


producer, consumer = threading.Thread(target=produce), threading.Thread(target=consume)
producer.start()
consumer.start()
sys.stdin.readline()
stopping.set()
producer.join()
deadline = time.monotonic() + 120
while published - consumed and time.monotonic() < deadline:
    time.sleep(0.1)
# what is still to come again because its ack did not arrive
time.sleep(2)
done.set()
consumer.join()
print(json.dumps({**known, "published": sorted(published), "consumed": sorted(consumed)}))
