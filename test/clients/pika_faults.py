"""What pika sees of faults: `pika_faults.py URL COUNT` publishes COUNT messages one by one under
confirms to each queue named on stdin as JSON and prints what it saw, by queue."""

import json
import sys

import pika
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker, NackError


def observe(url, queue, count):
    """One message after the other, each waited for: how each ended, and what ended the rest."""
    seen = []
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        for index in range(count):
            try:
                channel.basic_publish("", queue, str(index).encode())
                seen.append("ack")
            except NackError:
                seen.append("nack")
    except ChannelClosedByBroker as closed:
        seen.append(["channel", closed.reply_code, closed.reply_text])
    except ConnectionClosedByBroker as closed:
        seen.append(["connection", closed.reply_code, closed.reply_text])
    except AMQPConnectionError:
        seen.append(["gone"])
    if connection.is_open:
        connection.close()
    return seen


queues = json.loads(sys.stdin.read())
print(json.dumps({queue: observe(sys.argv[1], queue, int(sys.argv[2])) for queue in queues}))
