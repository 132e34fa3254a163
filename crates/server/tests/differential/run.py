"""Random requests against Foreshard and DynamoDB Local, and where their answers differ.

    python run.py --binary target/debug/foreshard [--requests 20000] [--seed N] [--epoch N] [--wording]

Requests come in epochs of a few hundred that begin with empty tables. A difference that `known.py` does
not explain is reduced to few requests and printed, with the seed and epoch that lead to it again;
then the exit code is 1.
"""

import argparse
import collections
import json
import pathlib
import random
import sys

import known
from compare import normal, wording
from generate import request
from services import Client, start_foreshard, start_local
from values import TABLES

EPOCH_REQUESTS = 250
SHOWN_MAX = 25
REPLAYS_MAX = 60


class Pair:
    """Both services, and tables that are the same in both."""

    def __init__(self, ours, theirs):
        self.clients = [ours, theirs]
        self.tables = []

    def reset(self):
        for client in self.clients:
            for name in self.tables:
                client.call("DeleteTable", {"TableName": name})
            for name, partition, sort in TABLES:
                keys = [("p", partition, "HASH")] + ([("s", sort, "RANGE")] if sort else [])
                status, body = client.call("CreateTable", {
                    "TableName": name,
                    "KeySchema": [{"AttributeName": n, "KeyType": role} for n, _, role in keys],
                    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t, _ in keys],
                    "BillingMode": "PAY_PER_REQUEST",
                })
                if status != 200:
                    raise SystemExit(f"no table: {body}")
        self.tables = [name for name, _, _ in TABLES]

    def ask(self, operation, body):
        return [client.call(operation, body) for client in self.clients]


def differs(operation, answers):
    ours, theirs = (normal(answer, operation) for answer in answers)
    return ours != theirs


def reproduces(pair, requests):
    """Whether the last of the requests is answered differently after the others."""
    pair.reset()
    for operation, body in requests[:-1]:
        pair.ask(operation, body)
    operation, body = requests[-1]
    answers = pair.ask(operation, body)
    return differs(operation, answers) and not known.reason(operation, body, answers)


def reduced(pair, requests):
    """Fewer requests, the last one with fewer parameters, that still show a difference."""
    *before, last = requests
    replays, size = 0, max(len(before) // 2, 1)
    while before and size and replays < REPLAYS_MAX:
        for start in range(0, len(before), size):
            shorter = before[:start] + before[start + size:]
            replays += 1
            if reproduces(pair, [*shorter, last]):
                before = shorter
                break
        else:
            size //= 2
    for name in list(last[1]):
        smaller = (last[0], {k: v for k, v in last[1].items() if k != name})
        if reproduces(pair, [*before, smaller]):
            last = smaller
    return [*before, last]


def show(pair, requests, where):
    requests = reduced(pair, requests)
    reproduces(pair, requests)
    print(f"--- {where}")
    for operation, body in requests:
        print(f"{operation} {json.dumps(body, ensure_ascii=False)}")
    pair.reset()
    for operation, body in requests:
        answers = pair.ask(operation, body)
    for name, (status, body) in zip(["foreshard", "local    "], answers):
        print(f"    {name} {status} {json.dumps(body, ensure_ascii=False)}")
    sys.stdout.flush()


def resync(pair, body, tally):
    """DynamoDB Local makes an item out of an update that takes away from none; DynamoDB does not
    ("DELETE - Nothing happens; there is no attribute to delete", API Reference)."""
    ours, theirs = pair.ask("GetItem", {"TableName": body["TableName"], "Key": body["Key"], "ConsistentRead": True})
    if "Item" not in ours[1] and "Item" in theirs[1]:
        tally["explained: DynamoDB Local creates an item by an update that only removes"] += 1
        pair.clients[1].call("DeleteItem", {"TableName": body["TableName"], "Key": body["Key"]})


def epoch(pair, seed, number, tally):
    """One epoch; the requests up to and with the first that is answered differently, if one is."""
    r = random.Random(f"{seed}/{number}")
    pair.reset()
    done = []
    for _ in range(EPOCH_REQUESTS):
        operation, body = request(r)
        answers = pair.ask(operation, body)
        done.append((operation, body))
        tally["requests"] += 1
        tally[f"{operation} {'served' if answers[0][0] == 200 else 'refused'}"] += 1
        if differs(operation, answers):
            reason = known.reason(operation, body, answers)
            if not reason:
                return done
            tally[f"explained: {reason}"] += 1
            if operation in known.WRITES:
                # The tables are no longer the same, so what follows would differ for this reason.
                return None
        elif operation == "UpdateItem" and known.only_removes(body) and answers[0][0] == 200:
            resync(pair, body, tally)
        elif wording(answers[0]) != wording(answers[1]):
            tally[("wording", wording(answers[0]), wording(answers[1]))] += 1
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, required=True, help="the program foreshard")
    arguments.add_argument("--work", type=pathlib.Path, default=pathlib.Path("target/differential"))
    arguments.add_argument("--requests", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--epoch", type=int, default=None, help="only this one")
    arguments.add_argument("--peer-port", type=int, default=None, help="compare with what listens there on this machine instead")
    arguments.add_argument("--wording", action="store_true", help="also list errors that are worded differently")
    options = arguments.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    options.work.mkdir(parents=True, exist_ok=True)
    work = options.work.resolve()
    print(f"seed {seed}", flush=True)
    processes, tally, unexplained = [], collections.Counter(), 0
    try:
        processes.append(start_foreshard(options.binary.resolve(), work))
        if options.peer_port is None:
            processes.append(start_local(work))
        clients = [client for _, client in processes]
        pair = Pair(*clients, *([Client(options.peer_port)] if options.peer_port else []))
        number = options.epoch or 0
        while tally["requests"] < options.requests and unexplained < SHOWN_MAX:
            differing = epoch(pair, seed, number, tally)
            if differing:
                unexplained += 1
                show(pair, differing, f"seed {seed} epoch {number} request {len(differing)}")
            number += 1
            if options.epoch is not None:
                break
    finally:
        for process, _ in processes:
            process.terminate()
        for process, _ in processes:
            process.wait()
    for what, count in sorted(tally.items(), key=lambda entry: (str(type(entry[0])), str(entry[0]))):
        if isinstance(what, str):
            print(f"{count:8} {what}")
        elif options.wording:
            print(f"{count:8} ours:   {what[1]}\n         theirs: {what[2]}")
    words = sum(1 for what in tally if not isinstance(what, str))
    print(f"{tally['requests']} requests, {unexplained} unexplained differences, {words} errors worded differently")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
