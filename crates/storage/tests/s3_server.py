"""A server that speaks S3, for tests: moto on a free port, with one empty bucket named "test".

Prints its port, and ends when its standard input does. Nothing here is kept.
"""

import logging
import sys

try:
    import boto3
    from moto.server import ThreadedMotoServer
except ImportError as missing:
    sys.exit(f"missing: {missing.name}")

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{port}",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    region_name="us-east-1",
)
client.create_bucket(Bucket="test")
print(port, flush=True)
sys.stdin.read()
server.stop()
