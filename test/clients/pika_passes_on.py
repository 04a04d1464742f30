"""Handles the messages of one queue one by one: publishes one to another queue, and acks. Until it is killed."""

import sys

import pika

url, queue, target = sys.argv[1], sys.argv[2], sys.argv[3]
channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
channel.basic_qos(prefetch_count=1)


def handle(channel, method, _properties, body):
    channel.basic_publish("", target, body)
    channel.basic_ack(method.delivery_tag)


channel.basic_consume(queue, handle)
channel.start_consuming()
