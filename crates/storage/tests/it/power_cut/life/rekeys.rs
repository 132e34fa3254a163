//! The keys of the table are turned around, and back: a rekey is waited for, left alone, cancelled, or gone on with
//! after a restart.

use super::compare::check_tiles;
use super::{Broken, KEYS, Life, Trouble, broken, in_order, name};
use crate::rekey::orders::{Text, text};
use futures::future::join;
use std::sync::Arc;
use std::time::Duration;
use storage::{RekeyReport, StorageError, Table};

const REKEYS: u64 = 8;
/// They come while clients write.
const REST_MS_MAX: u64 = 600;
/// One that is cancelled, or left alone, has run for this long at the most.
const CANCEL_MS_MAX: u64 = 150;

impl Life {
    pub(super) async fn rekey(&self, table: &Arc<Table>) -> Result<(), Broken> {
        for _ in 0..REKEYS {
            self.rest(REST_MS_MAX).await;
            let done = match (table.pending_rekey(), table.rekey_progress()) {
                (Some(_), _) if self.chance(4) == 0 => self.cancel_pending(table).await,
                (Some(pending), _) => {
                    self.report.lock().resumed += 1;
                    self.rekey_to(table, pending["to"].as_u64().unwrap_or(0)).await
                }
                // One that nobody waits for.
                (None, Some(_)) if self.chance(3) == 0 => self.cancel(table).await,
                (None, Some(_)) => Ok(()),
                // Scans of the order before are still served.
                (None, None) if table.rekey_again_ms().is_some() => Ok(()),
                (None, None) => self.rekey_to(table, in_order(table).1 + 1).await,
            };
            self.after(done)?;
        }
        Ok(())
    }

    async fn rekey_to(&self, table: &Arc<Table>, to: u64) -> Result<(), Trouble> {
        let before = {
            let mut model = self.model.lock();
            std::mem::replace(&mut model.table(table.name()).rekey, true)
        };
        let mut boundaries: Vec<String> =
            (0..self.chance(3)).map(|_| text(to, &name(self.chance(KEYS)))).collect();
        boundaries.sort();
        boundaries.dedup();
        let boundaries: Vec<&str> = boundaries.iter().map(String::as_str).collect();
        let rekey = table.rekey(Text { to }.request(&boundaries));
        let (done, told) = match self.chance(8) {
            0 | 1 => {
                let cancel = async {
                    self.rest(CANCEL_MS_MAX).await;
                    self.cancel(table).await
                };
                let (done, cancelled) = join(rekey, cancel).await;
                cancelled?;
                (done, true)
            }
            2 => {
                let patience = Duration::from_millis(self.chance(CANCEL_MS_MAX));
                match tokio::time::timeout(patience, rekey).await {
                    Ok(done) => (done, false),
                    Err(_) => return Ok(()),
                }
            }
            _ => (rekey.await, false),
        };
        if matches!(done, Err(StorageError::Busy(_))) {
            // It has not begun.
            self.model.lock().table(table.name()).rekey = before;
        }
        self.ended(table, done, told)
    }

    fn ended(
        &self,
        table: &Arc<Table>,
        done: storage::Result<RekeyReport>,
        told: bool,
    ) -> Result<(), Trouble> {
        match done {
            Ok(done) => {
                self.report.lock().rekeys += 1;
                {
                    let mut model = self.model.lock();
                    let known = model.table(table.name());
                    known.epoch = known.epoch.max(done.epoch);
                    (known.order, known.rekey) = (table.order(), false);
                }
                check_tiles(table)
            }
            Err(StorageError::Cancelled(_)) if told => {
                self.report.lock().cancelled += 1;
                self.model.lock().table(table.name()).rekey = false;
                Ok(())
            }
            Err(StorageError::Cancelled(_)) => Err(broken("nobody has cancelled it".to_owned())),
            Err(error) => Err(Trouble::Failed(error)),
        }
    }

    /// Cancels one that runs, if it does not cut over or has ended.
    async fn cancel(&self, table: &Arc<Table>) -> Result<(), Trouble> {
        match table.cancel_rekey().await {
            Ok(()) | Err(StorageError::Refused(_)) => Ok(()),
            Err(error) => Err(Trouble::Failed(error)),
        }
    }

    /// Cancels one that waits to be gone on with.
    async fn cancel_pending(&self, table: &Arc<Table>) -> Result<(), Trouble> {
        table.cancel_rekey().await.map_err(Trouble::Failed)?;
        self.report.lock().cancelled += 1;
        self.model.lock().table(table.name()).rekey = false;
        Ok(())
    }
}
