"""An app as Celery's users write them: acknowledgement after the work, confirmed publishes, answers over rpc://."""

import os

from celery import Celery
from celery.exceptions import Reject

app = Celery("proof", broker="amqp://guest:guest@127.0.0.1:5672//", backend="rpc://")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    result_persistent=False,
)


@app.task
def add(x, y):
    return x + y


@app.task
def echo(text):
    return text


@app.task
def fails():
    raise ValueError("on purpose")


@app.task(bind=True, max_retries=3, default_retry_delay=0.1)
def succeeds_third(self):
    if self.request.retries < 2:
        raise self.retry()
    return self.request.retries


@app.task(bind=True)
def rejected_once(self):
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not yet", requeue=True)
    return "again"


@app.task(bind=True)
def dies_once(self):
    if not self.request.delivery_info["redelivered"]:
        os._exit(1)
    return "lived"
