"""Random requests against Foreshard and DynamoDB Local, and where their answers differ.

    python run.py --binary target/debug/foreshard [--requests 20000] [--seed N] [--epoch N] [--wording]

Requests come in epochs of a few hundred that begin with empty tables: on items mostly, every few epochs
on tables and their tags. Foreshard verifies every signature; now and then a request comes presigned, or
with something changed that its signature covers, which must be refused. A difference that `known.py` does
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
import signing
import tables
from compare import normal, wording
from generate import request
from services import Client, start_foreshard, start_local
from values import TABLES

EPOCH_REQUESTS = 250
SHOWN_MAX = 25
REPLAYS_MAX = 60
# Every so many epochs one is on tables.
TABLES_EVERY = 4
# How many requests come presigned, and how many are sent once more with a spoilt signature.
PRESIGNED, SPOILT = 0.1, 0.02


class Pair:
    """Both services, and tables that are the same in both."""

    def __init__(self, ours, theirs):
        self.clients = [ours, theirs]
        self.tables = []
        self.forms = random.Random(1)

    def reset(self):
        for client in self.clients:
            for name in client.call("ListTables", {})[1]["TableNames"]:
                client.call("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": False})
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
        """What both answer. Whether ours is asked by a presigned request has no part in it."""
        sign = signing.presigned if self.forms.random() < PRESIGNED else None
        return [self.clients[0].call(operation, body, sign), self.clients[1].call(operation, body)]

    def spoilt(self, operation, body):
        """What ours answers to a request that was changed after it was signed."""
        sign = self.forms.choice([signing.signed, signing.presigned])
        tamper = lambda path, headers, text: signing.tampered(self.forms, path, headers, text)
        return self.clients[0].call(operation, body, sign, tamper)


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


def tagged(pair, r, model, done, tally):
    """One request on tags, for which there is a model instead of a peer; whether it agrees."""
    operation, body, expected = model.request(r)
    answer = pair.clients[0].call(operation, body)
    tally["requests"] += 1
    tally[f"{operation} {'served' if answer[0] == 200 else 'refused'}"] += 1
    if model.agrees(expected, answer):
        return True
    for before in done:
        print(f"{before[0]} {json.dumps(before[1], ensure_ascii=False)}")
    print(f"--- {operation} {json.dumps(body)}\n    expected  {expected}\n    foreshard {answer}", flush=True)
    return False


def epoch(pair, seed, number, tally):
    """One epoch; the requests up to and with the first that is answered differently, if one is."""
    r = random.Random(f"{seed}/{number}")
    pair.reset()
    done, model, on_tables = [], tables.TagModel(), number % TABLES_EVERY == TABLES_EVERY - 1
    for _ in range(EPOCH_REQUESTS):
        if on_tables and r.random() < 0.3:
            if not tagged(pair, r, model, done, tally):
                tally["tags that are not as they should be"] += 1
                return None
            continue
        operation, body = tables.request(r) if on_tables else request(r)
        if pair.forms.random() < SPOILT:
            tally["requests"] += 1
            tally["spoilt signatures"] += 1
            status, answer = pair.spoilt(operation, body)
            if status != 400 or not answer["__type"].endswith("#InvalidSignatureException"):
                tally["spoilt signatures that were not refused"] += 1
                print(f"--- a spoilt signature was not refused: {operation} {body} {status} {answer}")
        answers = pair.ask(operation, body)
        done.append((operation, body))
        model.follow(operation, body, answers[0])
        tally["requests"] += 1
        tally[f"{operation} {'served' if answers[0][0] == 200 else 'refused'}"] += 1
        if differs(operation, answers):
            reason = known.reason(operation, body, answers)
            if not reason:
                return done
            tally[f"explained: {reason}"] += 1
            if operation in known.WRITES or on_tables and "TableDescription" in {**answers[0][1], **answers[1][1]}:
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
    unexplained += tally["tags that are not as they should be"] + tally["spoilt signatures that were not refused"]
    words = sum(1 for what in tally if not isinstance(what, str))
    print(f"{tally['requests']} requests, {unexplained} unexplained differences, {words} errors worded differently")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
