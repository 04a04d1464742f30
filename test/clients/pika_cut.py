"""What pika sees of connections that faults cut: `pika_cut.py URL consume QUEUE` consumes until its
connection ends, `pika_cut.py URL dial` connects until a connection ends by itself, until a dial is
refused and until one succeeds again. Prints what it saw as JSON."""

import json
import sys
import time

import pika
from pika.exceptions import AMQPConnectionError, ConnectionClosedByBroker

URL, WHAT, *QUEUE = sys.argv[1:]
SECONDS = 50


def dial():
    try:
        return pika.BlockingConnection(pika.URLParameters(URL))
    # ValueError: the reset came before pika asked its socket for the peer's name
    except (AMQPConnectionError, OSError, ValueError):
        return None


def end_of(connection):
    """Waits for the end that the other side makes of it."""
    try:
        while True:
            connection.process_data_events(time_limit=1)
    except ConnectionClosedByBroker as closed:
        return ["connection", closed.reply_code, closed.reply_text]
    except (AMQPConnectionError, OSError):
        return "gone"


def until(wanted):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        connection = dial()
        if (connection is not None) == wanted:
            return connection
        if connection is not None:
            try:
                connection.close()
            except (AMQPConnectionError, OSError):
                pass
        time.sleep(0.02)
    sys.exit(f"no dial {'succeeded' if wanted else 'was refused'} in {SECONDS} s")


seen = []
connection = until(True)
if WHAT == "consume":
    try:
        channel = connection.channel()
        channel.basic_consume(QUEUE[0], lambda _channel, _method, _properties, body: seen.append(body.decode()))
        seen.append(end_of(connection))
    except ConnectionClosedByBroker as closed:
        seen.append(["connection", closed.reply_code, closed.reply_text])
    except (AMQPConnectionError, OSError):
        seen.append("gone")
else:
    seen.append(end_of(connection))
    until(False)
    seen.append("refused")
    until(True)
    seen.append("back")
print(json.dumps(seen))
