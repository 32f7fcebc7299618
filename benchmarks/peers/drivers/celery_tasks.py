# What Celery's worker and its driver share: the application and its tasks. Messages are pickled, for
# the array among them; the worker fetches far ahead, as the documentation's page on optimizing advises
# for many short tasks.

import os

from celery import Celery

import driver

app = Celery("peer", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(
    accept_content=["pickle", "json"],
    task_serializer="pickle",
    result_serializer="pickle",
    worker_prefetch_multiplier=128,
    task_default_delivery_mode="transient",
    broker_connection_retry_on_startup=True,
)

add = app.task(driver.add, name="add")
make_array = app.task(driver.make_array, name="make_array")
sum_array = app.task(driver.sum_array, name="sum_array")
