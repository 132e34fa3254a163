//! What must hold for any input at all: one function of bytes for each part that strangers reach.
//!
//! The fuzzer (`fuzz/`, which includes this file) calls them with whatever finds new paths; the test
//! `corpora` calls them with what it has found.

use std::sync::LazyLock;

use dynamodb::sigv4::{Signature, SigningKey};
use dynamodb::{
    BackupRequest, BatchGetItem, BatchWriteItem, Body, Change, CreateBackup, CreateTable, Creation,
    DeleteItem, GetItem, ListBackups, ListTables, ListTags, Operation, PagePlan, PutItem, Query,
    Read, RestoreFromBackup, RestoreToPoint, Scan, TableDefinition, TableRequest, TagResource,
    UntagResource, UpdateContinuousBackups, UpdateItem, UpdateTable, Write,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::{Value as Json, json};
use types::{Item, Number, Strategy, storage_key};

/// What takes any input at all.
pub(crate) type Target = fn(&[u8]);

/// All targets by name; corpora are directories of these names.
pub(crate) const TARGETS: [(&str, Target); 5] = [
    ("expressions", expressions),
    ("numbers", numbers),
    ("values", values),
    ("requests", requests),
    ("signatures", signatures),
];

fn table() -> TableDefinition {
    static TABLE: LazyLock<TableDefinition> = LazyLock::new(make_table);
    TABLE.clone()
}

fn make_table() -> TableDefinition {
    let request = json!({
        "TableName": "things",
        "KeySchema": [
            {"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let creation =
        Creation { created_ms: 0, uuid: String::new(), region: "r", account: "000000000000" };
    CreateTable::parse(body(&request)).expect("a valid table").define(creation)
}

fn body(json: &Json) -> Body {
    Body::parse(json.to_string().as_bytes()).expect("an object")
}

/// An item with something of every type.
fn stored() -> Vec<u8> {
    static STORED: LazyLock<Vec<u8>> = LazyLock::new(make_stored);
    STORED.clone()
}

fn make_stored() -> Vec<u8> {
    let item = json!({
        "p": {"S": "a"}, "s": {"N": "1"}, "n": {"N": "7"}, "b": {"B": "AAEC"}, "t": {"BOOL": true},
        "z": {"NULL": true}, "l": {"L": [{"N": "1"}, {"M": {"x": {"S": "y"}}}, {"L": []}]},
        "m": {"M": {"n": {"N": "2"}, "m": {"M": {"l": {"L": [{"S": "e"}]}}}}},
        "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2.5"]}, "bs": {"BS": ["AA=="]},
    });
    let put = PutItem::parse(body(&json!({"TableName": "things", "Item": item}))).expect("valid");
    encoded(&put.plan(&table()).expect("fits the table")).expect("is stored")
}

/// What a write to an empty place stores.
fn encoded(write: &Write) -> Option<Vec<u8>> {
    match write.decide(None).change {
        Change::Put(bytes) => Some(bytes.to_vec()),
        Change::Delete | Change::Keep => None,
    }
}

/// An expression as text, after a byte that says of which kind it is.
pub(crate) fn expressions(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let key = json!({"p": {"S": "a"}, "s": {"N": "1"}});
    let mut request = json!({"TableName": "things"});
    let (operation, parameter, keyed) = match kind % 5 {
        0 => (Operation::DeleteItem, "ConditionExpression", true),
        1 => (Operation::UpdateItem, "UpdateExpression", true),
        2 => (Operation::GetItem, "ProjectionExpression", true),
        3 => (Operation::Query, "KeyConditionExpression", false),
        _ => (Operation::Scan, "FilterExpression", false),
    };
    if keyed {
        request["Key"] = key;
    }
    request[parameter] = json!(text);
    if operation == Operation::UpdateItem {
        request["ReturnValues"] = json!("UPDATED_NEW");
    }
    for (sign, parameter) in [('#', "ExpressionAttributeNames"), (':', "ExpressionAttributeValues")]
    {
        let used = placeholders(text, sign);
        if used.as_object().is_some_and(|used| !used.is_empty()) {
            request[parameter] = used;
        }
    }
    request_of(operation, body(&request));
}

/// A meaning for every placeholder in the text; its first letter chooses which.
fn placeholders(text: &str, sign: char) -> Json {
    let mut meanings = json!({});
    for (at, _) in text.match_indices(sign) {
        let behind = &text[at + 1..];
        let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &behind[..end.unwrap_or(behind.len())];
        meanings[format!("{sign}{name}")] = match (sign, name.as_bytes().first()) {
            ('#', Some(b'p')) => json!("p"),
            ('#', Some(b's')) => json!("s"),
            ('#', _) => json!(name.get(..1).unwrap_or("l")),
            (_, Some(b'n')) => json!({"N": "3"}),
            (_, Some(b'm')) => json!({"M": {"x": {"N": "1"}}}),
            (_, Some(b'l')) => json!({"L": [{"S": "e"}]}),
            (_, Some(b'b')) => json!({"B": "AA=="}),
            (_, Some(b'u')) => json!({"NS": ["1", "9"]}),
            (_, Some(b'v')) => json!({"SS": ["a", "q"]}),
            _ => json!({"S": name}),
        };
    }
    meanings
}

/// Two numbers as text, separated by a blank.
pub(crate) fn numbers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parsed = text.splitn(2, ' ').map(|text| text.parse::<Number>().ok());
    let (Some(Some(a)), b) = (parsed.next(), parsed.next().flatten()) else { return };
    assert_eq!(a.to_string().parse(), Ok(a), "the plain form is read as the same number");
    let ordered = |number: &Number| {
        let mut bytes = Vec::new();
        number.encode_ordered(&mut bytes);
        bytes
    };
    let bytes = ordered(&a);
    assert_eq!(Number::decode_ordered(&bytes), Ok((a, bytes.len())), "keys are read back");
    assert!((1..=22).contains(&a.size_bytes()), "{} bytes", a.size_bytes());
    let Some(b) = b else { return };
    assert_eq!(a.cmp(&b), bytes.cmp(&ordered(&b)), "bytes have the order of numbers");
    assert_eq!(a.checked_add(&b), b.checked_add(&a), "a sum has no order");
    if let Ok(sum) = a.checked_add(&b) {
        assert_eq!(sum.checked_sub(&b), Ok(a), "a sum is exact");
        assert_eq!(sum.cmp(&a), b.cmp(&Number::ZERO), "a sum lies on the side of its sign");
    }
}

/// An item in DynamoDB's JSON; and the same bytes as if they had been stored.
pub(crate) fn values(data: &[u8]) {
    if let Ok(item) = Item::decode(data) {
        assert_eq!(Item::decode(&item.encode()), Ok(item), "what is read is written back");
    }
    for strategy in [Strategy::Hash, Strategy::Range, Strategy::Composite] {
        if let Ok(key) = storage_key::decode(strategy, data) {
            let again = storage_key::encode(strategy, &key);
            assert_eq!(storage_key::decode(strategy, &again), Ok(key), "a key is written back");
        }
    }
    let Ok(item) = serde_json::from_slice::<Json>(data) else { return };
    let table = table();
    let put = |item: Json| -> Option<Vec<u8>> {
        let request =
            Body::parse(json!({"TableName": "things", "Item": item}).to_string().as_bytes());
        let put = PutItem::parse(request.ok()?).ok()?;
        encoded(&put.plan(&table).ok()?)
    };
    let Some(bytes) = put(item) else { return };
    let stored = Item::decode(&bytes).expect("what is stored can be read");
    let key = body(&json!({"TableName": "things", "Key": {"p": {"S": "a"}, "s": {"N": "1"}}}));
    let read = GetItem::parse(key).expect("valid").plan(&table).expect("fits the table");
    let outcome = read.outcome(Some(&bytes)).expect("what is stored can be read");
    let reply: Json = serde_json::from_slice(&read.respond(&outcome)).expect("replies are JSON");
    assert_eq!(put(reply["Item"].clone()), Some(bytes), "what is answered is stored as the same");
    assert!(stored.size_bytes() <= 400 * 1024);
}

/// A whole request in JSON, after a byte that says for which operation.
pub(crate) fn requests(data: &[u8]) {
    let Some((operation, json)) = data.split_first() else { return };
    let operation = Operation::ALL[usize::from(*operation) % Operation::ALL.len()];
    if let Ok(body) = Body::parse(json) {
        request_of(operation, body);
    }
}

/// Parses, plans, decides and answers, as a server with one table and one item would.
fn request_of(operation: Operation, body: Body) {
    let table = table();
    let write = |write: Result<Write, _>| {
        let Ok(write) = write else { return };
        for stored in [None, Some(stored())] {
            let outcome = write.decide_stored(stored.as_deref());
            if let Change::Put(item) = &outcome.change {
                Item::decode(item).expect("what is stored can be read");
            }
            answered(write.respond(outcome).unwrap_or_else(|error| error.to_body()));
        }
    };
    let page = |plan: Result<PagePlan, _>| {
        let Ok(plan) = plan else { return };
        let mut page = plan.page();
        if page.offer(&item_key(&table), &stored()).is_ok() {
            answered(page.respond().unwrap_or_else(|error: dynamodb::ApiError| error.to_body()));
        }
    };
    match operation {
        Operation::PutItem => write(PutItem::parse(body).and_then(|put| put.plan(&table))),
        Operation::UpdateItem => {
            write(UpdateItem::parse(body).and_then(|update| update.plan(&table)))
        }
        Operation::DeleteItem => {
            write(DeleteItem::parse(body).and_then(|delete| delete.plan(&table)))
        }
        Operation::Query => page(Query::parse(body).and_then(|query| query.plan(&table))),
        Operation::Scan => page(Scan::parse(body).and_then(|scan| scan.plan(&table))),
        Operation::GetItem => read(GetItem::parse(body).and_then(|get| get.plan(&table))),
        Operation::BatchGetItem => drop(BatchGetItem::parse(body).map(|batch| {
            batch.tables().iter().map(|part| part.plan(&table).is_ok()).filter(|fits| *fits).count()
        })),
        Operation::BatchWriteItem => drop(BatchWriteItem::parse(body).map(|batch| {
            batch.tables().iter().map(|part| part.plan(&table).is_ok()).filter(|fits| *fits).count()
        })),
        Operation::CreateTable => drop(CreateTable::parse(body).map(|create| {
            let creation = Creation {
                created_ms: 0,
                uuid: String::new(),
                region: "r",
                account: "000000000000",
            };
            let table = create.define(creation);
            assert_eq!(TableDefinition::from_stored(&table.to_stored()).ok(), Some(table));
        })),
        Operation::UpdateTable => {
            drop(UpdateTable::parse(body).and_then(|new| new.apply(table, 0)))
        }
        Operation::TagResource => drop(TagResource::parse(body).and_then(|tag| tag.apply(table))),
        Operation::UntagResource => drop(UntagResource::parse(body).map(|tag| tag.apply(table))),
        Operation::ListTagsOfResource => drop(ListTags::parse(body)),
        Operation::ListTables => {
            drop(ListTables::parse(body).map(|list| list.respond(["a"].into_iter())))
        }
        Operation::CreateBackup => drop(CreateBackup::parse(body)),
        Operation::DescribeBackup | Operation::DeleteBackup => drop(BackupRequest::parse(body)),
        Operation::ListBackups => drop(ListBackups::parse(body)),
        Operation::UpdateContinuousBackups => drop(UpdateContinuousBackups::parse(body)),
        Operation::RestoreTableFromBackup => drop(RestoreFromBackup::parse(body)),
        Operation::RestoreTableToPointInTime => drop(RestoreToPoint::parse(body)),
        _ => drop(TableRequest::parse(body)),
    }
}

fn read(read: Result<Read, dynamodb::ApiError>) {
    let Ok(read) = read else { return };
    let outcome = read.outcome(Some(&stored())).expect("the item can be read");
    answered(read.respond(&outcome));
}

fn item_key(table: &TableDefinition) -> bytes::Bytes {
    let key = body(&json!({"TableName": "things", "Key": {"p": {"S": "a"}, "s": {"N": "1"}}}));
    GetItem::parse(key).and_then(|get| get.plan(table)).expect("valid").key().to_vec().into()
}

fn answered(reply: Vec<u8>) {
    serde_json::from_slice::<Json>(&reply).expect("replies are JSON");
}

/// A request as it is on the wire, but for its first line, which has the target alone. Nobody knows the
/// secret, so no signature of it is good.
pub(crate) fn signatures(data: &[u8]) {
    const NOW_MS: i64 = 1_714_521_600_000;
    let head = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (head, body) = data.split_at(head);
    let mut lines = head.split(|byte| *byte == b'\n');
    let Some(Ok(uri)) = lines.next().map(Uri::try_from) else { return };
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        else {
            return;
        };
        headers.append(name, value);
    }
    let Ok(signature) = Signature::read(&uri, &headers) else { return };
    let scope = signature.check_scope(&headers, NOW_MS);
    let key = SigningKey::derive("nobody knows it", signature.date(), signature.region());
    // Also where the scope is wrong, which a server does not get to.
    let verified = signature.verify(&Method::POST, &uri, &headers, body, &key);
    assert!(verified.is_err(), "{scope:?}");
}
