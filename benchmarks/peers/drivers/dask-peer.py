# Dask distributed: a scheduler in a process of its own and two workers of one thread each, as
# `dask scheduler` and `dask worker` start them; `map` and `gather` send in bulk. Pure Python holds the
# interpreter's lock, for which the documentation advises processes over threads.

import os
import subprocess
import sys

from distributed import Client

import driver

directory = os.environ["PEER_DIRECTORY"]
scheduler_file = os.path.join(directory, "dask.json")
dask = [sys.executable, "-m", "dask"]


def main():
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = ["worker", "--host", "127.0.0.1", "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    # Worker and client wait for the file, so all start at once.
    daemons = [
        subprocess.Popen([*dask, *arguments, "--scheduler-file", scheduler_file], stdin=subprocess.DEVNULL)
        for arguments in (scheduler, [*worker, "--local-directory", directory])
    ]
    try:
        client = Client(scheduler_file=scheduler_file)
        client.wait_for_workers(2)
        # Every call is a call of its own, not one that was made before.
        driver.serve(driver.futures_measures(client, pure=False), client.close)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait()


if __name__ == "__main__":
    main()
