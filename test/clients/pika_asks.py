"""Asks so many questions of a queue, each with a correlation id of its own, and prints how many were answered."""

import json
import sys
import uuid

import pika

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
parameters = pika.URLParameters(url)
asking = pika.BlockingConnection(parameters).channel()
listening = pika.BlockingConnection(parameters).channel()
listening.queue_declare("pika.replies", exclusive=True)
awaited = {str(uuid.uuid4()) for _ in range(count)}
for correlation_id in sorted(awaited):
    properties = pika.BasicProperties(reply_to="pika.replies", correlation_id=correlation_id)
    asking.basic_publish("", queue, b"?", properties)
answered = 0
for _, properties, _ in listening.consume("pika.replies", auto_ack=True, inactivity_timeout=60):
    if properties is None:
        break
    awaited.discard(properties.correlation_id)
    answered += 1
    if not awaited:
        break
print(json.dumps(answered))
asking.connection.close()
listening.connection.close()
