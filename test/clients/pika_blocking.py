"""What an app with pika's BlockingConnection observes: `pika_blocking.py URL SCENARIO` prints it as JSON."""

import datetime
import decimal
import json
import sys
import time

import pika
from pika.exceptions import AMQPChannelError, AMQPConnectionError, ChannelClosedByBroker, NackError, UnroutableError

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def plain(value):
    """JSON knows less than AMQP: types it lacks become one-entry objects."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"time": value.isoformat()}
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def properties_of(properties):
    return {key: plain(value) for key, value in vars(properties).items()}


def own_queue(channel, **arguments):
    return channel.queue_declare("", exclusive=True, arguments=arguments or None).method.queue


@scenario
def bodies(channel):
    """Sizes around frame_max, as got back."""
    channel.confirm_delivery()
    queue = own_queue(channel)
    same = []
    for size in (0, 1, 131063, 131064, 131065, 1048576):
        body = bytes(index * 31 % 256 for index in range(1024)) * (size // 1024 + 1)
        channel.basic_publish("", queue, body[:size])
        _, _, got = channel.basic_get(queue, auto_ack=True)
        same.append([len(got), got == body[:size]])
    return same


@scenario
def headers_and_properties(channel):
    channel.confirm_delivery()
    queue = own_queue(channel)
    sent = pika.BasicProperties(
        content_type="text/plain",
        content_encoding="identity",
        headers={
            "text": "grüße",
            "bytes": bytes([0, 255, 206]),
            "yes": True,
            "int": -2147483648,
            "long": 2**62,
            "decimal": decimal.Decimal("1234.567"),
            "time": datetime.datetime(2023, 11, 14, 22, 13, 20),
            "table": {"a": {"b": "c"}},
            "list": ["a", 1, [True, None]],
            "nothing": None,
        },
        delivery_mode=2,
        priority=3,
        correlation_id="c-1",
        reply_to="r",
        expiration="60000",
        message_id="m-1",
        timestamp=1700000000,
        type="t",
        user_id="guest",
        app_id="tests",
        cluster_id="c",
    )
    channel.basic_publish("", queue, b"all", sent)
    channel.basic_publish("", queue, b"none")
    return [properties_of(channel.basic_get(queue)[1]) for _ in range(2)]


@scenario
def settling(channel):
    channel.confirm_delivery()
    queue = own_queue(channel)
    for body in (b"a", b"b", b"c", b"d", b"e"):
        channel.basic_publish("", queue, body)
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(5)]
    channel.basic_ack(tags[1], multiple=True)
    channel.basic_reject(tags[2], requeue=False)
    channel.basic_nack(tags[3], requeue=True)
    channel.basic_recover(requeue=True)
    back = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return {"tags": tags, "back": back}
        back.append([body.decode(), method.redelivered, method.message_count])


@scenario
def consuming(channel):
    """prefetch 2, consume 5 of 5, cancel, and the tag that was asked for."""
    channel.confirm_delivery()
    queue = own_queue(channel)
    for index in range(5):
        channel.basic_publish("", queue, str(index).encode())
    channel.basic_qos(prefetch_count=2)
    got = []

    def take(_channel, method, _properties, body):
        got.append([method.consumer_tag, method.delivery_tag, body.decode()])
        channel.basic_ack(method.delivery_tag)
        if len(got) == 5:
            channel.stop_consuming()

    channel.basic_consume(queue, take, consumer_tag="mine")
    channel.start_consuming()
    return {"got": got, "left": channel.queue_declare(queue, passive=True).method.consumer_count}


@scenario
def cancelled_by_broker(channel):
    channel.queue_declare("pika-doomed")
    told = []
    channel.add_on_cancel_callback(lambda method: told.append(method.method.consumer_tag))
    channel.basic_consume("pika-doomed", lambda *_: None, consumer_tag="mine")
    channel.queue_delete("pika-doomed")
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        channel.connection.process_data_events(time_limit=0.1)
    return told


@scenario
def mandatory(channel):
    channel.confirm_delivery()
    try:
        channel.basic_publish(
            "amq.direct", "nobody", b"back", pika.BasicProperties(headers={"own": 1}, message_id="m"), mandatory=True
        )
    except UnroutableError as error:
        returned = error.messages[0]
        return {
            "method": [returned.method.reply_code, returned.method.reply_text, returned.method.routing_key],
            "headers": returned.properties.headers,
            "message_id": returned.properties.message_id,
            "body": returned.body.decode(),
        }


@scenario
def mandatory_without_headers(channel):
    channel.confirm_delivery()
    try:
        channel.basic_publish("amq.direct", "nobody", b"back", mandatory=True)
    except UnroutableError as error:
        return properties_of(error.messages[0].properties)


@scenario
def nacked(channel):
    channel.confirm_delivery()
    queue = own_queue(channel, **{"x-max-length": 0, "x-overflow": "reject-publish"})
    try:
        channel.basic_publish("", queue, b"too much")
    except NackError as error:
        return str(error)


@scenario
def transactions(channel):
    queue = own_queue(channel)
    other = channel.connection.channel()

    def count():
        return other.queue_declare(queue, passive=True).method.message_count

    channel.tx_select()
    channel.basic_publish("", queue, b"a")
    counts = [count()]
    channel.tx_commit()
    counts.append(count())
    channel.basic_publish("", queue, b"b")
    channel.tx_rollback()
    counts.append(count())
    return counts


@scenario
def rpc(channel):
    queue = own_queue(channel)
    replies = []
    channel.basic_consume(
        "amq.rabbitmq.reply-to",
        lambda _c, method, properties, body: replies.append([body.decode(), properties.correlation_id]),
        auto_ack=True,
    )
    server = channel.connection.channel()

    def answer(_channel, _method, properties, body):
        server.basic_publish(
            "", properties.reply_to, body + b" back", pika.BasicProperties(correlation_id=properties.correlation_id)
        )

    server.basic_consume(queue, answer, auto_ack=True)
    channel.basic_publish(
        "", queue, b"there", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="7")
    )
    deadline = time.monotonic() + 10
    while not replies and time.monotonic() < deadline:
        channel.connection.process_data_events(time_limit=0.1)
    return replies


@scenario
def refusals(channel):
    """Each closes its channel; the connection lives on."""
    connection = channel.connection
    attempts = [
        lambda on: on.queue_declare("none", passive=True),
        lambda on: on.exchange_declare("amq.mine", "direct"),
        lambda on: on.exchange_declare("amq.direct", "fanout"),
        lambda on: on.basic_get("none"),
        lambda on: (on.confirm_delivery(), on.basic_publish("missing", "key", b"x")),
        lambda on: (on.basic_ack(99), on.queue_declare("", exclusive=True)),
    ]
    told = []
    for attempt in attempts:
        try:
            attempt(connection.channel())
            told.append(None)
        except ChannelClosedByBroker as error:
            told.append([error.reply_code, error.reply_text])
    return told


@scenario
def heartbeats(channel):
    """Idle but served for over 2 intervals: still open."""
    channel.connection.sleep(3)
    return [channel.connection.is_open, channel.queue_declare("", exclusive=True).method.message_count]


def connect(url):
    return pika.BlockingConnection(pika.URLParameters(url))


def failure(url):
    try:
        connect(url)
        return None
    except (AMQPConnectionError, AMQPChannelError) as error:
        return [type(error).__name__, str(error)]


def main():
    url, name = sys.argv[1:]
    if name == "failure":
        print(json.dumps(failure(url)))
        return
    connection = connect(url)
    print(json.dumps(SCENARIOS[name](connection.channel())))
    connection.close()


main()
