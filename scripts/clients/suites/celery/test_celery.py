"""What an app with Celery sees: a worker of its own, and tasks of every kind."""

import os
import subprocess
import sys
import time

import pytest
from celery import chain, group

from app import add, app, dies_once, echo, fails, rejected_once, succeeds_third

TIMEOUT = 120


def until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"waited in vain: {what}")


@pytest.fixture(scope="module", autouse=True)
def worker():
    command = [sys.executable, "-m", "celery", "-A", "app", "worker", "-c", "2", "-n", "proof@localhost", "-E"]
    process = subprocess.Popen([*command, "--loglevel", "warning"])
    until(lambda: app.control.ping(timeout=1), "the worker answers")
    yield process
    process.terminate()
    process.wait(60)


def test_a_task_is_done_and_answered():
    assert add.delay(2, 3).get(timeout=TIMEOUT) == 5


def test_many_tasks_are_each_done_once():
    results = group(add.s(index, index) for index in range(200))().get(timeout=TIMEOUT)
    assert results == [2 * index for index in range(200)]


def test_a_chain_hands_on():
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=TIMEOUT) == 10


def test_a_failure_is_told():
    with pytest.raises(ValueError, match="on purpose"):
        fails.delay().get(timeout=TIMEOUT)


def test_a_retry_is_published_again():
    assert succeeds_third.delay().get(timeout=TIMEOUT) == 2


def test_a_rejected_task_comes_again():
    assert rejected_once.delay().get(timeout=TIMEOUT) == "again"


def test_a_task_whose_process_died_comes_again():
    assert dies_once.delay().get(timeout=TIMEOUT) == "lived"


def test_a_countdown_is_kept():
    started = time.time()
    assert add.apply_async((1, 1), countdown=2).get(timeout=TIMEOUT) == 2
    assert time.time() - started >= 2


def test_large_arguments_come_back():
    text = "0123456789" * 300_000
    assert echo.delay(text).get(timeout=TIMEOUT) == text


def test_own_headers_are_kept():
    echo.apply_async(("x",), headers={"own": "kept"}, queue="celery-headers")
    with app.connection_for_read() as connection:
        channel = connection.channel()
        got = channel.basic_get("celery-headers", no_ack=True)
        channel.queue_delete("celery-headers")
    assert got.headers["own"] == "kept"
    assert got.headers["task"] == "app.echo"


def test_the_worker_is_inspected_and_told():
    inspect = app.control.inspect(timeout=10)
    assert "proof@localhost" in inspect.stats()
    assert app.control.rate_limit("app.add", "1000/s", reply=True, timeout=10)


def test_the_worker_goes_on_after_its_connections_are_closed():
    rabbitmqctl("close_all_connections", "on purpose")
    assert a_new_app_asks() == 23


def test_the_worker_goes_on_after_a_restart_of_the_broker():
    rabbitmqctl("stop_app")
    rabbitmqctl("start_app")
    assert a_new_app_asks() == 23


def rabbitmqctl(*command):
    subprocess.run([os.environ["RABBITMQCTL"], "-q", *command], check=True)


def a_new_app_asks():
    """In a process of its own, for one whose connection was closed takes answers over rpc:// no more."""
    code = f"from app import add; print(add.delay(20, 3).get(timeout={TIMEOUT}))"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
