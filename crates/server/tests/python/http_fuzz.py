"""Random bytes that are nearly requests, over HTTP, against a running program.

    python http_fuzz.py --binary target/release/foreshard [--seconds 3600] [--seed N]

Requests are made by the differential test's generator or taken from fuzz/corpus/http, changed in one or
several places (bytes, headers, lengths, chunks, compression, encodings of the JSON), sent whole or in
pieces, one or several on a connection. The program must neither panic, nor hang, nor grow: every exchange
ends in time, with replies that are HTTP or none, an honest request is served all along, and memory stays
within a bound. What breaks this is written to fuzz/artifacts/http and printed; then the exit code is 1.
"""

import argparse
import gzip
import json
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "crates/server/tests/differential"))

import generate  # noqa: E402
import tables  # noqa: E402
from services import AUTHORIZATION, Client, free_port  # noqa: E402
from values import TABLES  # noqa: E402

REPLY_S_MAX = 20
# Memory may grow by this much over what it was after the first minute.
GROWTH_BYTES_MAX = 300 * 1024 * 1024
HONEST_EVERY = 50
WORDS = [b"0", b"-1", b"18446744073709551616", b"4294967296", b"chunked", b"gzip", b"identity", b"100-continue",
         b"\r\n", b"\r\n\r\n", b"\x00", b"\xff\xfe", b":", b"HTTP/1.0", b"HTTP/2.0", b"close", b"upgrade", b"%00", b"NaN",
         b"{", b"}", b"[", b'"', b"\\ud800", b"\\u0000", b"1e999999", b"AWS4-HMAC-SHA256", b"Credential=", b"Host: a"]


def whole(r):
    """Head and body of a request that is (mostly) well-formed HTTP."""
    operation, body = (generate if r.random() < 0.8 else tables).request(r)
    text = json.dumps(body, ensure_ascii=r.random() < 0.5).encode()
    if r.random() < 0.3:
        text = mutated(r, text)
    headers = [
        ("Host", "127.0.0.1"), ("X-Amz-Target", f"DynamoDB_20120810.{operation}"), ("X-Amz-Date", "20240501T000000Z"),
        ("Content-Type", "application/x-amz-json-1.0"), ("Authorization", AUTHORIZATION),
    ]
    if r.random() < 0.1:
        text = gzip.compress(text)
        headers.append(("Content-Encoding", "gzip"))
    if r.random() < 0.2:
        headers.append(("Accept-Encoding", r.choice(["gzip", "gzip;q=x", "*", "gzip, gzip"])))
    if r.random() < 0.1:
        headers.append((r.choice(["Origin", "Connection", "Expect", "Transfer-Encoding", "Cookie"]), r.choice(WORDS).decode("latin-1").strip() or "x"))
    if r.random() < 0.15:
        headers.append(("Transfer-Encoding", "chunked"))
        cuts = sorted(r.sample(range(len(text) + 1), min(2, len(text) + 1)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
        text = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
    else:
        length = len(text) if r.random() < 0.9 else r.choice([0, len(text) - 1, len(text) + 1, -1, 10**20])
        headers.append(("Content-Length", str(length)))
    if r.random() < 0.1:
        headers.append(r.choice(headers))
    r.shuffle(headers)
    path = "/" if r.random() < 0.8 else "/?" + "&".join(f"{r.choice(['X-Amz-Algorithm', 'X-Amz-Signature', 'X-Amz-Credential', 'X-Amz-Expires', 'a'])}={r.choice(['%', '%zz', '1', 'AWS4-HMAC-SHA256', ''])}" for _ in range(r.randint(1, 4)))
    method = "POST" if r.random() < 0.9 else r.choice(["GET", "OPTIONS", "PUT", "CONNECT", "post"])
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    return head.encode("latin-1", "replace") + text


def mutated(r, data):
    """The bytes with a few changes anywhere."""
    data = bytearray(data)
    for _ in range(r.choice([1, 1, 2, 5])):
        at, how = r.randrange(len(data) + 1), r.randrange(6)
        if how == 0 and at < len(data):
            data[at] ^= 1 << r.randrange(8)
        elif how == 1:
            del data[at:at + r.choice([1, 2, 10, 100])]
        elif how == 2:
            data[at:at] = r.choice(WORDS)
        elif how == 3:
            data[at:at] = bytes(r.choices(range(256), k=r.choice([1, 4, 50])))
        elif how == 4:
            data[at:at] = data[at:at + r.choice([5, 50, 500])]
        else:
            data[at:at] = bytes([r.choice(b'a{["0 ')]) * r.choice([10, 1000, 40_000])
    return bytes(data)


def exchange(port, r, data):
    """Sends the bytes, whole or in pieces, and reads all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=REPLY_S_MAX) as connection:
        try:
            rest = data
            while rest:
                cut = len(rest) if r.random() < 0.8 else r.randint(1, len(rest))
                connection.sendall(rest[:cut])
                rest = rest[cut:]
            connection.shutdown(socket.SHUT_WR)
            reply = b""
            while part := connection.recv(1 << 16):
                reply += part
            return reply
        except TimeoutError:
            raise
        except OSError:
            # A server that has seen enough may close before it has read everything.
            return b""


def resident_bytes(process):
    pages = pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def create(client):
    for name, partition, sort in TABLES:
        keys = [("p", partition, "HASH")] + ([("s", sort, "RANGE")] if sort else [])
        client.call("CreateTable", {
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": n, "KeyType": role} for n, _, role in keys],
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t, _ in keys],
        })


def fuzz(process, port, log, options, seeds):
    r = random.Random(options.seed)
    client = Client(port)
    create(client)
    began, count, replies, first_minute = time.monotonic(), 0, {}, None
    while (elapsed := time.monotonic() - began) < options.seconds:
        data = r.choice(seeds) if seeds and r.random() < 0.2 else whole(r)
        if r.random() < 0.5:
            data = mutated(r, data)
        if r.random() < 0.1:
            data += whole(r)
        wrong = None
        try:
            reply = exchange(port, r, data)
            if reply and not reply.startswith(b"HTTP/1."):
                wrong = f"no HTTP: {reply[:80]}"
            status = reply[9:12].decode("latin-1") or "none"
            replies[status] = replies.get(status, 0) + 1
        except (TimeoutError, ConnectionError) as error:
            wrong = repr(error)
        count += 1
        if count % HONEST_EVERY == 0:
            status, _ = client.call("ListTables", {})
            memory = resident_bytes(process)
            if elapsed > min(60, options.seconds / 4):
                first_minute = first_minute or memory
                if memory > first_minute + GROWTH_BYTES_MAX:
                    wrong = f"memory has grown from {first_minute} to {memory} bytes"
            if status != 200:
                wrong = f"an honest request is answered with {status}"
            if b"panicked" in log.read_bytes():
                wrong = "a panic is in the log"
        if wrong or process.poll() is not None:
            kept = ROOT / "fuzz/artifacts/http"
            kept.mkdir(parents=True, exist_ok=True)
            (kept / f"{options.seed}-{count}").write_bytes(data)
            print(f"{wrong or 'the program has ended'}: seed {options.seed}, request {count}, kept in {kept}")
            return 1
    told = ", ".join(f"{number} {status}" for status, number in sorted(replies.items()))
    memory = resident_bytes(process)
    print(f"{count} exchanges in {options.seconds} s ({told}); resident {first_minute} -> {memory} bytes; no panic, no hang")
    return 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, required=True, help="the program foreshard")
    arguments.add_argument("--seconds", type=int, default=3600)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    seeds = [path.read_bytes() for path in sorted((ROOT / "fuzz/corpus/http").glob("*"))]
    with tempfile.TemporaryDirectory() as scratch:
        scratch, port = pathlib.Path(scratch), free_port()
        (scratch / "config.toml").write_text('[server.limits]\nmode = "off"\n')
        command = [options.binary.resolve(), "serve", "--config", scratch / "config.toml", "--data", scratch / "data",
                   "--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0"]
        log = scratch / "log"
        with log.open("wb") as output:
            process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                try:
                    Client(port).call("ListTables", {})
                    break
                except OSError:
                    time.sleep(0.05)
            return fuzz(process, port, log, options, seeds)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
