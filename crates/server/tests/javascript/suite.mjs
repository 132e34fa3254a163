// The unmodified AWS SDK for JavaScript v3 against a running Foreshard.
//
//     node suite.mjs http://127.0.0.1:8000
//
// Every check makes its own table and deletes it. Ends with exit code 0 if all checks passed, else with
// 1 after naming those that did not.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  ConditionalCheckFailedException, CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient,
  GetItemCommand, ListTablesCommand, ListTagsOfResourceCommand, PutItemCommand, ResourceInUseException,
  ResourceNotFoundException, TagResourceCommand, TransactWriteItemsCommand, UpdateTableCommand,
  waitUntilTableExists, waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand, BatchWriteCommand, DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand,
  UpdateCommand, paginateQuery, paginateScan,
} from "@aws-sdk/lib-dynamodb";

const client = new DynamoDBClient({
  endpoint: process.argv[2],
  region: "us-east-1",
  credentials: { accessKeyId: "AKIDJAVASCRIPT", secretAccessKey: "secret" },
});
const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
const wait = { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
const checks = [];
const check = (name, run) => checks.push({ name, run });

/// Runs `use` with the name of a table that has a string partition key and a numeric sort key.
async function withTable(use) {
  const TableName = `suite-${randomUUID()}`;
  const { TableDescription } = await client.send(new CreateTableCommand({
    TableName,
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }, { AttributeName: "sk", AttributeType: "N" }],
    BillingMode: "PAY_PER_REQUEST",
  }));
  assert.equal(TableDescription.TableStatus, "CREATING");
  assert.ok(TableDescription.CreationDateTime instanceof Date);
  const exists = await waitUntilTableExists(wait, { TableName });
  assert.equal(exists.state, "SUCCESS");
  try {
    await use(TableName);
  } finally {
    await client.send(new DeleteTableCommand({ TableName }));
    const gone = await waitUntilTableNotExists(wait, { TableName });
    assert.equal(gone.state, "SUCCESS");
  }
}

check("tables are created, described, updated, tagged and deleted", () => withTable(async (TableName) => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName }));
  assert.equal(Table.TableStatus, "ACTIVE");
  assert.equal(Table.WarmThroughput.Status, "ACTIVE");
  assert.ok((await client.send(new ListTablesCommand({}))).TableNames.includes(TableName));
  await assert.rejects(client.send(new CreateTableCommand({
    TableName, KeySchema: Table.KeySchema, AttributeDefinitions: Table.AttributeDefinitions,
    BillingMode: "PAY_PER_REQUEST",
  })), ResourceInUseException);
  await client.send(new UpdateTableCommand({
    TableName, BillingMode: "PROVISIONED",
    ProvisionedThroughput: { ReadCapacityUnits: 100, WriteCapacityUnits: 50 },
  }));
  await waitUntilTableExists(wait, { TableName });
  await client.send(new TagResourceCommand({
    ResourceArn: Table.TableArn, Tags: [{ Key: "team", Value: "a" }],
  }));
  const { Tags } = await client.send(new ListTagsOfResourceCommand({ ResourceArn: Table.TableArn }));
  assert.deepEqual(Tags, [{ Key: "team", Value: "a" }]);
}));

check("every type of value comes back as it went", () => withTable(async (TableName) => {
  const Item = {
    pk: "types", sk: 1, string: "grün, 水, 🙂", empty: "", number: -12.5, bytes: new Uint8Array([0, 1, 255]),
    yes: true, nothing: null, list: ["a", 1, [{ deep: [true, null] }]], map: { inner: {} },
    strings: new Set(["a", "b"]), numbers: new Set([1, 2.5]),
  };
  await documents.send(new PutCommand({ TableName, Item }));
  const found = await documents.send(new GetCommand({ TableName, Key: { pk: "types", sk: 1 }, ConsistentRead: true }));
  assert.deepEqual(found.Item, Item);
  const digits = "12345678901234567890123456789012345678";
  const raw = { pk: { S: "digits" }, sk: { N: "2" }, n: { N: digits } };
  await client.send(new PutItemCommand({ TableName, Item: raw }));
  const Key = { pk: { S: "digits" }, sk: { N: "2" } };
  assert.equal((await client.send(new GetItemCommand({ TableName, Key }))).Item.n.N, digits);
}));

check("batches, pages, queries and scans", () => withTable(async (TableName) => {
  const items = Array.from({ length: 100 }, (_, n) => ({ pk: `k${n % 4}`, sk: n, text: "x".repeat(100) }));
  for (let at = 0; at < items.length; at += 25) {
    const written = await documents.send(new BatchWriteCommand({
      RequestItems: { [TableName]: items.slice(at, at + 25).map((Item) => ({ PutRequest: { Item } })) },
    }));
    assert.deepEqual(written.UnprocessedItems, {});
  }
  const scanned = [];
  for await (const page of paginateScan({ client: documents, pageSize: 30 }, { TableName })) scanned.push(...page.Items);
  assert.equal(scanned.length, 100);
  const input = {
    TableName, KeyConditionExpression: "pk = :pk AND sk BETWEEN :low AND :high",
    ExpressionAttributeValues: { ":pk": "k1", ":low": 10, ":high": 60 }, ScanIndexForward: false,
  };
  const queried = [];
  for await (const page of paginateQuery({ client: documents, pageSize: 5 }, { ...input })) queried.push(...page.Items);
  assert.deepEqual(queried.map((item) => item.sk), [57, 53, 49, 45, 41, 37, 33, 29, 25, 21, 17, 13]);
  const Keys = [{ pk: "k0", sk: 0 }, { pk: "k1", sk: 1 }, { pk: "k1", sk: 2 }];
  const read = await documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
  assert.equal(read.Responses[TableName].length, 2);
  const counted = await documents.send(new QueryCommand({ ...input, Select: "COUNT", ReturnConsumedCapacity: "TOTAL" }));
  assert.equal(counted.Count, 12);
  assert.ok(counted.ConsumedCapacity.CapacityUnits > 0);
}));

check("updates, conditions and typed errors", () => withTable(async (TableName) => {
  const Key = { pk: "u", sk: 1 };
  const { Attributes } = await documents.send(new UpdateCommand({
    TableName, Key, UpdateExpression: "SET #n = if_not_exists(#n, :zero) + :one, l = list_append(:empty, :new)",
    ExpressionAttributeNames: { "#n": "name" },
    ExpressionAttributeValues: { ":zero": 0, ":one": 1, ":empty": [], ":new": ["a"] }, ReturnValues: "ALL_NEW",
  }));
  assert.deepEqual(Attributes, { ...Key, name: 1, l: ["a"] });
  await assert.rejects(documents.send(new PutCommand({
    TableName, Item: Key, ConditionExpression: "attribute_not_exists(pk)",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  })), (error) => error instanceof ConditionalCheckFailedException && error.Item.name.N === "1");
  const { Attributes: old } = await documents.send(new DeleteCommand({ TableName, Key, ReturnValues: "ALL_OLD" }));
  assert.deepEqual(old, Attributes);
  await assert.rejects(documents.send(new GetCommand({ TableName, Key: { pk: "u" } })), { name: "ValidationException" });
  await assert.rejects(documents.send(new GetCommand({ TableName: "none-such", Key })), ResourceNotFoundException);
  await assert.rejects(client.send(new TransactWriteItemsCommand({
    TransactItems: [{ Delete: { TableName, Key: { pk: { S: "u" }, sk: { N: "1" } } } }],
  })), { name: "UnknownOperationException" });
}));

check("a counter counts every concurrent update", () => withTable(async (TableName) => {
  const add = () => documents.send(new UpdateCommand({
    TableName, Key: { pk: "c", sk: 1 }, UpdateExpression: "ADD n :one", ExpressionAttributeValues: { ":one": 1 },
  }));
  await Promise.all(Array.from({ length: 50 }, add));
  const found = await documents.send(new GetCommand({ TableName, Key: { pk: "c", sk: 1 }, ConsistentRead: true }));
  assert.equal(found.Item.n, 50);
}));

let failed = 0;
for (const { name, run } of checks) {
  try {
    await run();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}`);
    console.error(error);
  }
}
console.log(`${checks.length - failed} of ${checks.length} checks passed`);
process.exit(failed ? 1 : 0);
