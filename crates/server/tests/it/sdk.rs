//! The unmodified AWS SDK for Rust: what an application does with a table.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest,
    ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus,
    WriteRequest,
};
use futures::{StreamExt, stream};

use crate::sdk_client::client;
use crate::support::TestServer;

const ITEMS: usize = 10_000;
/// Partition keys that the items are spread over.
const COLLECTIONS: usize = 100;
/// Requests under way at once.
const CONCURRENCY: usize = 16;
/// DynamoDB's limit of a batch of writes.
const BATCH: usize = 25;

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

async fn create_table(client: &Client, name: &str) {
    let key = |name: &str, role| {
        KeySchemaElement::builder().attribute_name(name).key_type(role).build().unwrap()
    };
    let attribute = |name: &str, scalar| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(scalar).build().unwrap()
    };
    let created = client
        .create_table()
        .table_name(name)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", ScalarAttributeType::N))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    let description = created.table_description.unwrap();
    assert_eq!(description.table_status, Some(TableStatus::Creating));
    assert_eq!(description.table_name.as_deref(), Some(name));
}

fn put(number: usize) -> WriteRequest {
    let request = PutRequest::builder()
        .item("pk", s(format!("k{}", number % COLLECTIONS)))
        .item("sk", n(number))
        .item("odd", n(number / COLLECTIONS % 2))
        .item("text", s("x".repeat(200)))
        .build()
        .unwrap();
    WriteRequest::builder().put_request(request).build()
}

async fn fill(client: &Client, table: &str) {
    let numbers: Vec<usize> = (0..ITEMS).collect();
    stream::iter(numbers.chunks(BATCH).map(<[usize]>::to_vec))
        .map(|chunk| async move {
            let requests = chunk.into_iter().map(put).collect();
            let written =
                client.batch_write_item().request_items(table, requests).send().await.unwrap();
            assert!(written.unprocessed_items.unwrap_or_default().is_empty());
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<()>()
        .await;
}

fn number_of(item: &HashMap<String, AttributeValue>) -> usize {
    item["sk"].as_n().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_items_are_written_read_queried_and_scanned() {
    let server = TestServer::start_with(|settings| settings.tables.partitions_initial = 4).await;
    let client = &client(server.addr(), 1);
    create_table(client, "things").await;
    fill(client, "things").await;

    let read = stream::iter((0..ITEMS).step_by(10))
        .map(|number| async move {
            let got = client
                .get_item()
                .table_name("things")
                .key("pk", s(format!("k{}", number % COLLECTIONS)))
                .key("sk", n(number))
                .consistent_read(true)
                .send()
                .await
                .unwrap();
            number_of(&got.item.unwrap()) == number
        })
        .buffer_unordered(CONCURRENCY)
        .filter(|same| std::future::ready(*same))
        .count()
        .await;
    assert_eq!(read, ITEMS / 10);

    let pages = client.scan().table_name("things").into_paginator().send();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    assert!(pages.len() > 1, "10,000 items of 200 bytes are more than 1 MB");
    let found: Vec<usize> = pages.iter().flat_map(|page| page.items()).map(number_of).collect();
    assert_eq!(found.len(), ITEMS);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), ITEMS);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_page_in_both_directions_and_segments_tile_the_table() {
    let server = TestServer::start_with(|settings| settings.tables.partitions_initial = 3).await;
    let client = &client(server.addr(), 1);
    create_table(client, "things").await;
    fill(client, "things").await;
    let ascending: Vec<usize> = (7..ITEMS).step_by(COLLECTIONS).collect();
    for forward in [true, false] {
        let found: Vec<_> = client
            .query()
            .table_name("things")
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s("k7"))
            .scan_index_forward(forward)
            .limit(30)
            .into_paginator()
            .send()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(found.len(), 4, "100 items, 30 to a page");
        let mut found: Vec<usize> =
            found.iter().flat_map(|page| page.items()).map(number_of).collect();
        if !forward {
            found.reverse();
        }
        assert_eq!(found, ascending);
    }
    let some = client
        .query()
        .table_name("things")
        .key_condition_expression("pk = :pk AND sk BETWEEN :a AND :b")
        .filter_expression("odd = :one")
        .expression_attribute_values(":pk", s("k7"))
        .expression_attribute_values(":a", n(1000))
        .expression_attribute_values(":b", n(1999))
        .expression_attribute_values(":one", n(1))
        .send()
        .await
        .unwrap();
    assert_eq!((some.count, some.scanned_count), (5, 10));

    let mut seen = BTreeSet::new();
    for segment in 0..7 {
        let pages = client.scan().table_name("things").segment(segment).total_segments(7);
        let pages: Vec<_> = pages.into_paginator().send().try_collect().await.unwrap();
        for item in pages.iter().flat_map(|page| page.items()) {
            assert!(seen.insert(number_of(item)), "in two segments: {item:?}");
        }
    }
    assert_eq!(seen.len(), ITEMS);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_updates_and_their_failures() {
    let server = TestServer::start().await;
    let client = &client(server.addr(), 1);
    create_table(client, "things").await;
    let update = || client.update_item().table_name("things").key("pk", s("a")).key("sk", n(1));
    let made = update()
        .update_expression("SET #name = :name ADD visits :one")
        .condition_expression("attribute_not_exists(pk)")
        .expression_attribute_names("#name", "name")
        .expression_attribute_values(":name", s("first"))
        .expression_attribute_values(":one", n(1))
        .return_values(ReturnValue::AllNew)
        .send()
        .await
        .unwrap();
    assert_eq!(made.attributes.unwrap()["visits"], n(1));
    let failed = update()
        .update_expression("SET visits = :v")
        .condition_expression("visits > :v")
        .expression_attribute_values(":v", n(1))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(failed.is_conditional_check_failed_exception(), "{failed:?}");
    assert_eq!(failed.message(), Some("The conditional request failed"));
    let deleted = client
        .delete_item()
        .table_name("things")
        .key("pk", s("a"))
        .key("sk", n(1))
        .condition_expression("visits = :one")
        .expression_attribute_values(":one", n(1))
        .return_values(ReturnValue::AllOld)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.attributes.unwrap()["name"], s("first"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_typed_exceptions() {
    let server = TestServer::start().await;
    let client = &client(server.addr(), 1);
    create_table(client, "things").await;
    let missing = client.get_item().table_name("nothing").key("pk", s("a")).key("sk", n(1));
    let missing = missing.send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    let missing = client.describe_table().table_name("nothing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
    let missing = client.delete_table().table_name("nothing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());

    let again = client
        .create_table()
        .table_name("things")
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name("pk")
                .key_type(KeyType::Hash)
                .build()
                .unwrap(),
        )
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name("pk")
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap(),
        )
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(again.is_resource_in_use_exception(), "{again:?}");

    // The SDK has no type for this one; it is known by its code.
    let invalid = client.put_item().table_name("things").item("pk", n(1)).item("sk", n(1));
    let invalid = invalid.send().await.unwrap_err().into_service_error();
    assert_eq!(invalid.code(), Some("ValidationException"));

    client.delete_table().table_name("things").send().await.unwrap();
    let gone = client.describe_table().table_name("things").send().await.unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
    server.stop().await;
}
