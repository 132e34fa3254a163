"""boto3 over TLS: with the right authority it works, without it does not, and plain HTTP is told so."""

import argparse
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import SSLError


def client(address, authority):
    return boto3.client(
        "dynamodb",
        endpoint_url=f"https://{address}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        verify=authority,
        config=Config(retries={"max_attempts": 0}),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--authority", required=True)
    parser.add_argument("--address", required=True)
    arguments = parser.parse_args()

    known = client(arguments.address, arguments.authority)
    known.create_table(
        TableName="secure",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    item = {"pk": {"S": "a"}, "large": {"S": "x" * 300_000}}
    known.put_item(TableName="secure", Item=item)
    got = known.get_item(TableName="secure", Key={"pk": {"S": "a"}}, ConsistentRead=True)
    assert got["Item"] == item

    try:
        client(arguments.address, None).list_tables()
        raise AssertionError("a certificate of nobody was trusted")
    except SSLError as error:
        assert "CERTIFICATE_VERIFY_FAILED" in str(error), error

    try:
        urllib.request.urlopen(f"http://{arguments.address}/")
        raise AssertionError("plain HTTP was answered")
    except urllib.error.HTTPError as error:
        assert error.code == 400 and b"https://" in error.read(), error
    print("everything as expected")


if __name__ == "__main__":
    main()
