//! Points in time: UpdateContinuousBackups, DescribeContinuousBackups, RestoreTableToPointInTime, and the keeping
//! of points.
//!
//! A point is a backup that storage makes without copying, so one every few minutes costs little, and nothing while
//! nobody writes. Which ones are kept is `points`' business.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dynamodb::{
    ApiError, BackupKind, BackupNote, BackupStatus, BackupView, Body, Origin, PointInTime,
    RestorableTimes, RestoreTime, RestoreToPoint, TableRequest, UpdateContinuousBackups,
    continuous_backups_response,
};
use futures::StreamExt;
use parking_lot::Mutex;
use storage::Table;
use types::{BackupId, TableId};

use super::Executor;
use crate::points::{at_or_before, restorable, superfluous};

/// How often it is looked whether a point is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a failure, a table is left alone for this long.
const RETRY_MS: i64 = 30_000;
/// How many tables get a point at once.
const AT_ONCE: usize = 4;

/// At least this often, points are thinned and what has expired is deleted.
const TIDY_MS: i64 = 60_000;

/// What the keeping of points remembers from one look to the next, so that a look costs little.
#[derive(Debug, Default)]
pub(super) struct Keeper(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// The newest point of each table whose past is kept.
    newest: HashMap<TableId, Newest>,
    /// Tables whose last point failed, and when it is tried again.
    retries: HashMap<TableId, i64>,
    /// How it was when old points were deleted last; nothing if that has to be done.
    tidied: Option<Tidied>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    backup: BackupId,
    taken_ms: i64,
}

#[derive(Debug, PartialEq)]
struct Tidied {
    at_ms: i64,
    kept: HashMap<TableId, PointInTime>,
}

impl Remembered {
    /// Whether old points are to be looked for.
    fn is_untidy(&self, kept: &HashMap<TableId, PointInTime>, now_ms: i64) -> bool {
        self.tidied
            .as_ref()
            .is_none_or(|tidied| tidied.kept != *kept || (now_ms - tidied.at_ms).abs() >= TIDY_MS)
    }
}

/// The points of a table in the order of their instants.
struct Points(Vec<BackupView>);

impl Points {
    fn instants(&self) -> Vec<i64> {
        self.0.iter().map(|point| point.taken_ms).collect()
    }
}

impl Executor {
    pub(super) async fn update_continuous_backups(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = UpdateContinuousBackups::parse(body)?;
        let name = request.table_name().to_owned();
        self.for_backups(&name)?;
        let served = self.tables.get(&name)?;
        let served = served.ok_or_else(|| ApiError::table_not_found_for_backups(&name))?;
        let (enables, now_ms) = (request.enables(), self.now_ms());
        let served = self.redefine(served, move |table| Ok(request.apply(table, now_ms))).await?;
        let kept = served.definition.point_in_time;
        if enables && self.restorable_times(&served.table, kept).is_none() {
            // The past begins here. If this fails, it begins a little later.
            self.take_point(&served.table).await;
        }
        let times = self.restorable_times(&served.table, kept);
        Ok(continuous_backups_response(&served.definition, times))
    }

    pub(super) fn describe_continuous_backups(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = TableRequest::parse(body)?;
        let name = request.table_name();
        let served = self.tables.get(name)?;
        let served = served.ok_or_else(|| ApiError::table_not_found_for_backups(name))?;
        let times = self.restorable_times(&served.table, served.definition.point_in_time);
        Ok(continuous_backups_response(&served.definition, times))
    }

    pub(super) async fn restore_to_point(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = RestoreToPoint::parse(body)?;
        let target = request.target_name().to_owned();
        self.check_target(&target)?;
        let table = self.for_backups(request.source_name())?;
        let served = self.tables.get(request.source_name())?;
        let kept = served.and_then(|served| served.definition.point_in_time);
        let kept = kept.ok_or_else(|| request.unavailable())?;
        let times = self.restorable_times(&table, Some(kept));
        let times = times.ok_or_else(|| request.unavailable())?;
        let instant_ms = match request.time() {
            RestoreTime::Latest => times.latest_ms,
            RestoreTime::At(at_ms) => at_ms,
        };
        if !(times.earliest_ms..=times.latest_ms).contains(&instant_ms) {
            return Err(request.invalid_time());
        }
        let points = self.points_of(table.id());
        let point = at_or_before(&points.instants(), instant_ms).map(|at| &points.0[at]);
        let point = point.ok_or_else(|| request.invalid_time())?;
        // What was written after the point and before the instant is not in it: the reply says which it is.
        let origin = Origin { backup_arn: None, instant_ms: point.taken_ms };
        let definition = request.define(&point.table, origin, self.creation(&target))?;
        self.restore(point, definition).await
    }

    /// Keeps points as long as the service runs.
    pub(crate) async fn keep_points_for_ever(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.keep_points().await;
        }
    }

    /// Takes the points that are due, and deletes those that nobody needs any more, and backups that have expired.
    async fn keep_points(&self) {
        let now_ms = self.now_ms();
        let tables = self.storage.tables();
        let kept = |table: &Table| {
            let served = self.tables.get(table.name()).ok().flatten()?;
            served.definition.point_in_time.filter(|_| served.table.id() == table.id())
        };
        let kept: HashMap<TableId, PointInTime> =
            tables.iter().filter_map(|table| Some((table.id(), kept(table)?))).collect();
        if self.keeper.0.lock().is_untidy(&kept, now_ms) {
            self.tidy_points(kept.clone(), now_ms).await;
        }
        let mut due: Vec<Arc<Table>> = tables;
        due.retain(|table| {
            kept.get(&table.id()).is_some_and(|kept| self.is_due(table, *kept, now_ms))
        });
        let take = |table: Arc<Table>| async move { self.take_point(&table).await };
        futures::stream::iter(due).for_each_concurrent(AT_ONCE, take).await;
    }

    fn is_due(&self, table: &Table, kept: PointInTime, now_ms: i64) -> bool {
        let remembered = self.keeper.0.lock();
        if remembered.retries.get(&table.id()).is_some_and(|again_ms| now_ms < *again_ms) {
            return false;
        }
        remembered.newest.get(&table.id()).is_none_or(|newest| {
            newest.taken_ms < kept.since_ms
                || now_ms - newest.taken_ms >= self.settings.tables.point_ms
                    && !self.storage.is_as_in_backup(table, newest.backup)
        })
    }

    async fn take_point(&self, table: &Arc<Table>) {
        let note = BackupNote { name: String::new(), kind: BackupKind::Point, expires_ms: None };
        let taken = self.back_up(Arc::clone(table), note).await;
        let mut remembered = self.keeper.0.lock();
        match taken {
            Ok(point) => {
                let newest = Newest { backup: BackupId(point.number), taken_ms: point.taken_ms };
                remembered.newest.insert(table.id(), newest);
                remembered.retries.remove(&table.id());
                remembered.tidied = None;
            }
            Err(error) => {
                tracing::warn!(table = table.name(), %error, "a point in time could not be kept");
                let again_ms = self.now_ms().saturating_add(RETRY_MS);
                remembered.retries.insert(table.id(), again_ms);
            }
        }
    }

    /// Deletes points of tables that are gone or whose past is not kept any more, points that are superfluous, and
    /// backups that have expired; remembers which points are the newest.
    async fn tidy_points(&self, kept: HashMap<TableId, PointInTime>, now_ms: i64) {
        let mut of_tables: HashMap<TableId, Vec<Newest>> = HashMap::new();
        let mut old = Vec::new();
        for (table, view) in self.backups_with_tables() {
            let backup = BackupId(view.number);
            if view.note.kind != BackupKind::Point {
                let expired = view.note.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms);
                old.extend(expired.then_some(backup));
            } else if kept.contains_key(&table) {
                let point = Newest { backup, taken_ms: view.taken_ms };
                of_tables.entry(table).or_default().push(point);
            } else {
                old.push(backup);
            }
        }
        let mut newest = HashMap::new();
        for (table, mut points) in of_tables {
            points.sort_by_key(|point| (point.taken_ms, point.backup));
            newest.extend(points.last().map(|point| (table, *point)));
            let instants: Vec<i64> = points.iter().map(|point| point.taken_ms).collect();
            let superfluous = superfluous(&instants, kept[&table], now_ms);
            old.extend(superfluous.into_iter().map(|at| points[at].backup));
        }
        {
            let mut remembered = self.keeper.0.lock();
            remembered.newest = newest;
            remembered.retries.retain(|table, _| kept.contains_key(table));
            remembered.tidied = Some(Tidied { at_ms: now_ms, kept });
        }
        for id in old {
            // One that a table is being restored from goes the next time.
            if let Err(error) = self.storage.delete_backup(id).await {
                tracing::debug!(backup = %id, %error, "an old backup is still there");
            }
        }
    }

    /// All whole backups with the numbers of their tables.
    fn backups_with_tables(&self) -> Vec<(TableId, BackupView)> {
        let tables: HashMap<u64, TableId> =
            self.storage.backups().iter().map(|backup| (backup.id.0, backup.table)).collect();
        let whole =
            self.backups().into_iter().filter(|view| view.status == BackupStatus::Available);
        whole.filter_map(|view| Some((*tables.get(&view.number)?, view))).collect()
    }

    fn points_of(&self, table: TableId) -> Points {
        let of_table = self.backups_with_tables().into_iter().filter(|(id, _)| *id == table);
        let points = of_table.map(|(_, view)| view);
        let mut points: Vec<BackupView> =
            points.filter(|view| view.note.kind == BackupKind::Point).collect();
        points.sort_by_key(|point| (point.taken_ms, point.number));
        Points(points)
    }

    fn restorable_times(
        &self,
        table: &Table,
        kept: Option<PointInTime>,
    ) -> Option<RestorableTimes> {
        let points = self.points_of(table.id());
        let newest = points.0.last()?;
        let unchanged = self.storage.is_as_in_backup(table, BackupId(newest.number));
        restorable(&points.instants(), kept?, unchanged, self.now_ms())
    }
}
