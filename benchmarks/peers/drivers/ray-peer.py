# Ray: one node with two CPUs, so two worker processes, and remote functions whose results are got in
# one `ray.get`, as its documentation on patterns advises. The object store is kept small for shared
# machines, but holds the array twice; the dashboard and the usage reports are off.

import os

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Everything is on the loopback, and a token would be left in the user's home.
os.environ["RAY_AUTH_MODE"] = "disabled"

import ray

import driver

OBJECT_STORE_BYTES = 256 * 2**20


def main():
    ray.init(
        num_cpus=2,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=os.path.join(os.environ["PEER_DIRECTORY"], "ray"),
    )
    add = ray.remote(driver.add)
    make_array = ray.remote(driver.make_array)
    sum_array = ray.remote(driver.sum_array)

    def chain(n):
        last = 0
        for _ in range(n):
            last = add.remote(last, 1)
        return ray.get(last)

    def tree(n):
        level = [add.remote(i, 1) for i in range((n + 1) // 2)]
        while len(level) > 1:
            level = [add.remote(a, b) for a, b in zip(level[0::2], level[1::2])]
        return ray.get(level[0])

    measures = {
        "round-trip": driver.one_at_a_time(lambda i: ray.get(add.remote(i, 1))),
        "map": driver.all_at_once(lambda n: ray.get([add.remote(i, 1) for i in range(n)])),
        "chain": driver.to_one_value(chain, driver.chain_sum),
        "tree": driver.to_one_value(tree, driver.tree_sum),
        "array": driver.to_one_value(
            lambda n: ray.get(sum_array.remote(make_array.remote(n))), driver.array_sum
        ),
    }
    driver.serve(measures, ray.shutdown)


if __name__ == "__main__":
    main()
