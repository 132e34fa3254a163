"""A server that speaks S3, for tests, on free ports of this machine, with one empty bucket named "test".

`s3_server.py moto` keeps things in memory, in this process; `s3_server.py seaweedfs` runs the binary `weed`
of SeaweedFS, with its files in a directory that goes with it. Prints the port, and ends when its standard
input does. Nothing is kept.
"""

import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

KEY, SECRET = "test", "testtest"
IDENTITIES = f"""{{"identities": [{{"name": "test",
  "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}}]}}"""
# How long SeaweedFS may take to answer.
START_S_MAX = 50


def make_bucket(port, patience_s=0):
    """Makes the bucket, as soon as the server can."""
    import boto3
    import botocore.exceptions
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10),
    )
    until = time.monotonic() + patience_s
    while True:
        try:
            client.create_bucket(Bucket="test")
            # It takes buckets before it has room for what is in them.
            client.put_object(Bucket="test", Key="probe", Body=b"x")
            client.delete_object(Bucket="test", Key="probe")
            return
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def serve(port):
    print(port, flush=True)
    sys.stdin.read()


def moto():
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    make_bucket(port)
    serve(port)
    server.stop()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def seaweedfs():
    weed = os.path.join(os.path.dirname(sys.executable), "weed")
    if not os.path.exists(weed):
        weed = shutil.which("weed")
    if weed is None:
        sys.exit("missing: weed")
    names = [f"-{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = free_ports(len(names))
    with tempfile.TemporaryDirectory() as directory:
        identities = os.path.join(directory, "identities.json")
        with open(identities, "w", encoding="ascii") as file:
            file.write(IDENTITIES)
        arguments = ["server", "-s3", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        arguments += ["-master.telemetry=false", f"-s3.config={identities}", "-volume.max=20"]
        arguments += ["-master.volumeSizeLimitMB=64", "-s3.port.lance=0", "-s3.port.iceberg=0"]
        arguments += [f"{name}={port}" for name, port in zip(names, ports)]
        log = open(os.path.join(directory, "log"), "wb")
        process = subprocess.Popen([weed, *arguments], stdout=log, stderr=log, cwd=directory)
        try:
            port = ports[names.index("-s3.port")]
            make_bucket(port, START_S_MAX)
            serve(port)
        finally:
            process.kill()
            process.wait()


try:
    {"moto": moto, "seaweedfs": seaweedfs}[sys.argv[1]]()
except ImportError as missing:
    sys.exit(f"missing: {missing.name}")
