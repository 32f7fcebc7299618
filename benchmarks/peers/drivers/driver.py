# What every peer's Python driver shares: it answers the runner's questions, one line of JSON each, and
# holds the measures of clients that speak as Dask's does (submit, map, gather, futures as arguments).

import json
import os
import sys
import time
import traceback

# Answers have standard output to themselves: what a library or a process started from here prints goes the
# way of the log.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def add(a, b):
    return a + b


def make_array(n):
    import numpy

    return numpy.arange(n, dtype=numpy.float64)


def sum_array(array):
    return float(array.sum())


def serve(measures, close):
    """Answers each question on standard input by calling the measure it names; then `close`s."""
    try:
        for line in sys.stdin:
            question = json.loads(line)
            try:
                answer = measures[question["measure"]](question)
            except Exception:
                answer = {"error": traceback.format_exc()}
            answers.write(json.dumps({"id": question["id"], **answer}) + "\n")
    finally:
        close()


class Stopwatch:
    def __init__(self):
        self.start = time.perf_counter()

    def stop(self):
        return {"elapsedMs": (time.perf_counter() - self.start) * 1000}


def expect(got, wanted):
    if got != wanted:
        raise ValueError(f"the answer was {got!r:.200}, not {wanted!r:.200}")


def one_at_a_time(call):
    """`call(i)` makes one call and waits for its result, which must be i + 1."""

    def measure(question):
        latencies = []
        whole = Stopwatch()
        for i in range(question["size"]):
            one = Stopwatch()
            value = call(i)
            latencies.append(one.stop()["elapsedMs"])
            expect(value, i + 1)
            if whole.stop()["elapsedMs"] > question["withinMs"]:
                break
        return {**whole.stop(), "latenciesMs": latencies}

    return measure


def all_at_once(call_all):
    """`call_all(n)` makes n calls and returns their results in order: 1 to n."""

    def measure(question):
        watch = Stopwatch()
        values = call_all(question["size"])
        taken = watch.stop()
        expect(list(values), list(range(1, question["size"] + 1)))
        return taken

    return measure


def to_one_value(run, wanted):
    """`run(n)` does the work of n tasks and returns one value, which must be `wanted(n)`."""

    def measure(question):
        watch = Stopwatch()
        value = run(question["size"])
        taken = watch.stop()
        expect(value, wanted(question["size"]))
        return taken

    return measure


def chain_sum(n):
    return n


def tree_sum(n):
    """Of a tree of n tasks whose leaves are the numbers from 1 on."""
    leaves = (n + 1) // 2
    return leaves * (leaves + 1) // 2


def array_sum(n):
    return float(n * (n - 1) // 2)


def futures_measures(client, **options):
    """Every measure, for a client like Dask's; `options` go with each submit and map."""

    def call(i):
        return client.submit(add, i, 1, **options).result()

    def call_all(n):
        return client.gather(client.map(add, range(n), [1] * n, **options))

    def chain(n):
        futures = [client.submit(add, 0, 1, **options)]
        for _ in range(n - 1):
            futures.append(client.submit(add, futures[-1], 1, **options))
        return futures[-1].result()

    def tree(n):
        leaves = (n + 1) // 2
        level = client.map(add, range(leaves), [1] * leaves, **options)
        kept = [level]
        while len(level) > 1:
            level = client.map(add, level[0::2], level[1::2], **options)
            kept.append(level)
        return level[0].result()

    def array(n):
        made = client.submit(make_array, n, **options)
        return client.submit(sum_array, made, **options).result()

    return {
        "round-trip": one_at_a_time(call),
        "map": all_at_once(call_all),
        "chain": to_one_value(chain, chain_sum),
        "tree": to_one_value(tree, tree_sum),
        "array": to_one_value(array, array_sum),
    }
