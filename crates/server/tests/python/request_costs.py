"""What a request costs the server in CPU: GetItem and PutItem over HTTP, with and without verified signatures.

    python request_costs.py --binary target/release/foreshard [--seconds 10] [--rounds 3] [--connections 64]

Two servers, alike but for their credentials, run side by side; `foreshard bench` sends the same load to
one after the other, in rounds, so that whatever else the machine does falls on both. CPU is utime + stime
of the server's process (/proc/PID/stat) over the measured requests, all threads of it: also those that
write files and merge them. The client's CPU is not in it.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

ITEMS = 20_000
KEY, SECRET = "AKIDCOSTS", "costs"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(binary, directory, verified):
    directory.mkdir()
    credentials = f'[server.credentials]\n{KEY} = "{SECRET}"\n' if verified else ""
    config = directory / "config.toml"
    config.write_text('[server.limits]\nmode = "off"\n' + credentials)
    port = free_port()
    command = [binary, "serve", "--config", config, "--data", directory / "data", "--listen", f"127.0.0.1:{port}",
               "--admin-listen", "127.0.0.1:0"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"the server did not start; see {directory}/log")


def cpu_s(process):
    """CPU seconds of the process until now, in user mode and in the kernel."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench(binary, port, workload, seconds, connections):
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
    command = [binary, "bench", "--endpoint", f"http://127.0.0.1:{port}", "--workload", workload, "--seconds", seconds,
               "--connections", connections, "--items", ITEMS, "--keep-table", "--json"]
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, required=True)
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--connections", type=int, default=64)
    options = arguments.parse_args()
    binary = options.binary.resolve()
    costs, servers = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            for verified in [False, True]:
                servers[verified] = start(binary, pathlib.Path(scratch) / str(verified), verified)
                # Makes the table and its items; they stay.
                bench(binary, servers[verified][1], "get", 1, options.connections)
            for _ in range(options.rounds):
                for workload in ["get", "put"]:
                    for verified, (process, port) in servers.items():
                        before = cpu_s(process)
                        report = bench(binary, port, workload, options.seconds, options.connections)
                        cost_us = (cpu_s(process) - before) * 1e6 / report["operations"]
                        costs.setdefault((workload, verified), []).append(cost_us)
                        rate = report["operations"] / options.seconds
                        print(f"{workload} {'verified' if verified else 'unverified':10} {cost_us:6.1f} us  {rate:8.0f}/s", flush=True)
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()
    for workload in ["get", "put"]:
        plain, verified = (statistics.median(costs[workload, verified]) for verified in [False, True])
        print(f"{workload}: {plain:.1f} us of CPU per request, {verified:.1f} us with signatures verified: {verified - plain:+.1f} us")


if __name__ == "__main__":
    main()
