# Frisky, Dask's scheduler rebuilt in Rust: its LocalCluster with two workers of one thread each, as
# processes that talk over a Unix socket, or as threads of the driver itself (its default, which no
# network stands between). `map` and `gather` send in bulk.

import os
import sys

# Else it prints a summary of each burst of tasks.
os.environ["FRISKY_SUMMARY"] = "off"

import frisky

import driver


def main():
    processes = sys.argv[1] == "processes"
    cluster = frisky.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=processes,
        dashboard_address="127.0.0.1:0",
    )
    client = cluster.get_client()

    def close():
        client.close()
        cluster.close()

    driver.serve(driver.futures_measures(client), close)


if __name__ == "__main__":
    main()
