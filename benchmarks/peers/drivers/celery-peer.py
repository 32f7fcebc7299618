# Celery with Redis as broker and backend: one worker with two prefork children, `-O fair`, and no
# gossip, mingling or heartbeat, for it is alone. Calls go out as one `group`. In a `chain` every message
# carries all that is left of it, and chords of chords are not for thousands of tasks: for a long chain and a
# tree it is faster that the driver waits for each call and each level. The array goes along a `chain`.

import os
import subprocess
import sys

from celery import chain, group

import driver
from celery_tasks import add, make_array, sum_array


def main():
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--pool", "prefork", "--concurrency", "2",
         "-O", "fair", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        stdin=subprocess.DEVNULL,
        env={**os.environ, "C_FORCE_ROOT": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )

    def call_all(pairs):
        result = group(add.s(a, b) for a, b in pairs).apply_async()
        values = result.get()
        result.forget()
        return values

    def chained(n):
        last = 0
        for _ in range(n):
            last = add.delay(last, 1).get()
        return last

    def tree(n):
        level = call_all((i, 1) for i in range((n + 1) // 2))
        while len(level) > 1:
            level = call_all(zip(level[0::2], level[1::2]))
        return level[0]

    measures = {
        "round-trip": driver.one_at_a_time(lambda i: add.delay(i, 1).get()),
        "map": driver.all_at_once(lambda n: call_all((i, 1) for i in range(n))),
        "chain": driver.to_one_value(chained, driver.chain_sum),
        "tree": driver.to_one_value(tree, driver.tree_sum),
        "array": driver.to_one_value(
            lambda n: chain(make_array.s(n), sum_array.s()).apply_async().get(), driver.array_sum
        ),
    }

    def close():
        worker.terminate()
        worker.wait()

    driver.serve(measures, close)


if __name__ == "__main__":
    main()
