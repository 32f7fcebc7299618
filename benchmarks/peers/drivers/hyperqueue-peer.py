# HyperQueue by its Python package, which holds a server and a worker (here of two cores) inside the
# driver's process; the `hq` program itself is in no package registry. A task is a process, `true`, whose
# output goes nowhere: many small files are what its documentation warns of. All tasks go out as one job, with
# dependencies for a chain and a tree; no values go along them, so what is checked is that each succeeded.
# The package asks once a second whether a job has ended, and a round trip waits for that.

import os

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

import driver


def main():
    directory = os.path.join(os.environ["PEER_DIRECTORY"], "hyperqueue")
    os.makedirs(directory, exist_ok=True)
    cluster = LocalCluster(directory, WorkerConfig(cores=2))
    client = cluster.client()

    def add_task(job, deps=()):
        return job.program(["true"], stdout=None, stderr=None, deps=deps)

    def run(job):
        """Number of tasks that succeeded: all, or this fails."""
        submitted = client.submit(job)
        client.wait_for_jobs([submitted])
        client.forget(submitted)
        return len(job.tasks)

    def independent(n):
        job = Job()
        for _ in range(n):
            add_task(job)
        return run(job)

    def chain(n):
        job = Job()
        last = [add_task(job)]
        for _ in range(n - 1):
            last = [add_task(job, last)]
        return run(job)

    def tree(n):
        job = Job()
        level = [add_task(job) for _ in range((n + 1) // 2)]
        while len(level) > 1:
            level = [add_task(job, pair) for pair in zip(level[0::2], level[1::2])]
        return run(job)

    measures = {
        "round-trip": driver.one_at_a_time(lambda i: independent(1) + i),
        "map": driver.to_one_value(independent, lambda n: n),
        "chain": driver.to_one_value(chain, lambda n: n),
        "tree": driver.to_one_value(tree, lambda n: n),
    }
    driver.serve(measures, cluster.stop)


if __name__ == "__main__":
    main()
