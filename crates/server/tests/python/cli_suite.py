"""The unmodified AWS CLI against a running Foreshard: what a shell script relies on.

    python cli_suite.py --aws .venv/bin/aws --endpoint http://127.0.0.1:8000

Works with versions 1 and 2 of the CLI. Ends with exit code 0 if everything was as expected.
"""

import argparse
import json
import os
import subprocess
import uuid


class Cli:
    """Calls the program; every call is a process of its own, as in a script."""

    def __init__(self, program, endpoint):
        self.program, self.endpoint = program, endpoint
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", "/"),
            "AWS_ACCESS_KEY_ID": "AKIDCLI",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
        }

    def run(self, *arguments):
        command = [self.program, "--endpoint-url", self.endpoint, "--output", "json", "dynamodb", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True)

    def ok(self, *arguments):
        """The JSON that a call prints, which must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, error, *arguments):
        """A call that must fail with the error of this name."""
        done = self.run(*arguments)
        assert done.returncode != 0 and f"({error})" in done.stderr, f"{arguments}: {done.stdout}{done.stderr}"


def tables(cli, name):
    created = cli.ok(
        "create-table", "--table-name", name, "--billing-mode", "PAY_PER_REQUEST",
        "--attribute-definitions", "AttributeName=pk,AttributeType=S", "AttributeName=sk,AttributeType=N",
        "--key-schema", "AttributeName=pk,KeyType=HASH", "AttributeName=sk,KeyType=RANGE",
    )
    assert created["TableDescription"]["TableStatus"] == "CREATING", created
    cli.ok("wait", "table-exists", "--table-name", name)
    described = cli.ok("describe-table", "--table-name", name)["Table"]
    assert described["TableStatus"] == "ACTIVE", described
    assert name in cli.ok("list-tables")["TableNames"]
    arn = described["TableArn"]
    cli.ok("tag-resource", "--resource-arn", arn, "--tags", "Key=team,Value=a")
    assert cli.ok("list-tags-of-resource", "--resource-arn", arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    cli.refused("ResourceNotFoundException", "describe-table", "--table-name", "none-such")


def items(cli, name):
    for n in range(3):
        cli.ok("put-item", "--table-name", name, "--item", json.dumps({"pk": {"S": "a"}, "sk": {"N": str(n)}, "t": {"S": "é"}}))
    writes = [{"PutRequest": {"Item": {"pk": {"S": "b"}, "sk": {"N": str(n)}}}} for n in range(25)]
    cli.ok("batch-write-item", "--request-items", json.dumps({name: writes}))
    key = json.dumps({"pk": {"S": "a"}, "sk": {"N": "1"}})
    found = cli.ok("get-item", "--table-name", name, "--key", key, "--consistent-read")
    assert found["Item"] == {"pk": {"S": "a"}, "sk": {"N": "1"}, "t": {"S": "é"}}, found
    values = json.dumps({":a": {"S": "a"}, ":n": {"N": "1"}})
    queried = cli.ok("query", "--table-name", name, "--key-condition-expression", "pk = :a AND sk >= :n",
                     "--expression-attribute-values", values)
    assert queried["Count"] == 2, queried
    # The CLI turns pages by itself, and can be told to stop in the middle of one.
    assert cli.ok("scan", "--table-name", name, "--page-size", "10")["Count"] == 28
    part = cli.ok("scan", "--table-name", name, "--max-items", "7")
    rest = cli.ok("scan", "--table-name", name, "--starting-token", part["NextToken"])
    assert len(part["Items"]) + len(rest["Items"]) == 28
    one = json.dumps({":one": {"N": "1"}})
    updated = cli.ok("update-item", "--table-name", name, "--key", key, "--update-expression", "ADD n :one",
                     "--expression-attribute-values", one, "--return-values", "UPDATED_NEW")
    assert updated["Attributes"] == {"n": {"N": "1"}}, updated
    cli.refused("ConditionalCheckFailedException", "delete-item", "--table-name", name, "--key", key,
                "--condition-expression", "attribute_not_exists(pk)")
    cli.refused("ValidationException", "get-item", "--table-name", name, "--key", '{"pk": {"S": "a"}}')


def the_end(cli, name):
    cli.ok("update-table", "--table-name", name, "--billing-mode", "PROVISIONED",
           "--provisioned-throughput", "ReadCapacityUnits=5,WriteCapacityUnits=5")
    cli.ok("wait", "table-exists", "--table-name", name)
    deleted = cli.ok("delete-table", "--table-name", name)
    assert deleted["TableDescription"]["TableStatus"] == "DELETING", deleted
    cli.ok("wait", "table-not-exists", "--table-name", name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--aws", required=True, help="the program")
    arguments.add_argument("--endpoint", required=True, help="such as http://127.0.0.1:8000")
    options = arguments.parse_args()
    cli, name = Cli(options.aws, options.endpoint), f"suite-{uuid.uuid4()}"
    version = subprocess.run([options.aws, "--version"], env=cli.environment, capture_output=True, text=True)
    print((version.stdout + version.stderr).strip(), flush=True)
    for part in [tables, items, the_end]:
        part(cli, name)
        print(f"ok      {part.__name__}", flush=True)
    print("everything as expected")


if __name__ == "__main__":
    main()
