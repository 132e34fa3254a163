//! Two orders of names: as they are, and read from the end.

use bytes::Bytes;
use std::sync::Arc;
use storage::{Decision, NewOrder, Rekey, RekeyReport, Result, StorageError, Table};

/// The change to the order with this number.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) to: u64,
}

/// The key of a name in an order.
pub(crate) fn text(order: u64, name: &str) -> String {
    match order % 2 {
        0 => name.to_owned(),
        _ => name.chars().rev().collect(),
    }
}

impl Text {
    pub(crate) fn target(&self) -> serde_json::Value {
        serde_json::json!({ "to": self.to })
    }

    pub(crate) fn request(self, boundaries: &[&str]) -> Rekey {
        let boundaries = boundaries.iter().map(|b| Bytes::copy_from_slice(b.as_bytes())).collect();
        Rekey { target: self.target(), boundaries, order: Arc::new(self) }
    }
}

impl NewOrder for Text {
    fn key(&self, old: &[u8]) -> std::result::Result<Bytes, String> {
        Ok(old.iter().rev().copied().collect())
    }

    fn definition(&self, old: &serde_json::Value) -> serde_json::Value {
        let mut new = old.clone();
        new["orders"] = self.to.into();
        new
    }
}

/// Changes to the next order.
pub(crate) async fn rekey(table: &Arc<Table>, boundaries: &[&str]) -> Result<RekeyReport> {
    table.rekey(Text { to: table.order() + 1 }.request(boundaries)).await
}

/// Decides on the value of a name, whatever the order is by then.
pub(crate) async fn modify<R: Send>(
    table: &Arc<Table>,
    name: &str,
    decide: impl Fn(Option<&Bytes>) -> Decision<R> + Send + Sync,
) -> Result<R> {
    loop {
        let order = table.order();
        let key = text(order, name);
        match table.in_order(order).read_modify_write(key.as_bytes(), &decide).await {
            Err(StorageError::Rekeyed(_)) => {}
            done => return done,
        }
    }
}

pub(crate) async fn put(table: &Arc<Table>, name: &str, value: &str) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    modify(table, name, |_| Decision::Put(value.clone(), ())).await.unwrap();
}

/// The value of a name, whatever the order is.
pub(crate) async fn read(table: &Arc<Table>, name: &str) -> Result<Option<Bytes>> {
    loop {
        let order = table.order();
        match table.in_order(order).get(text(order, name).as_bytes()).await {
            Err(StorageError::Rekeyed(_)) => {}
            read => return read,
        }
    }
}

pub(crate) async fn get(table: &Arc<Table>, name: &str) -> Option<String> {
    let value = read(table, name).await.unwrap()?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}
