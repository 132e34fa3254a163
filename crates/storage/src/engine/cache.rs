//! The cache of what is read from sorted files, one for all databases of a process: blocks of rows, and
//! the indexes and filters without which no block is found.
//!
//! What SlateDB brings for this (moka as it comes) fails just after many files were replaced, by a split
//! and the compactions behind it. An index has an entry for every 4 kB of its file and takes tens of
//! milliseconds to be read; hundreds of requests that miss it at once each read it; and moka's
//! admission (TinyLFU) compares a newcomer's few uses with the many of all the entries that would have
//! to go for something so large, long after their files are gone, and turns it away again and again. A table of
//! 500 MB under a modest load then answered nobody for minutes. So here
//!
//! - what is being read is **read once**, and whoever else wants it waits for it;
//! - what was **used last stays** (LRU), whatever its size. Indexes are used by every read, so they stay as long
//!   as their file is read; blocks have what is left. There is no fixed part for either: where indexes and
//!   filters (reckoned: 1 to 2 % of the bytes that are read) are more than the cache, every read is slow.
//!
//! Rows that are read again and again are known before the engine is asked ([`rows`](crate::rows)), so scans
//! that sweep blocks out of here do little harm.

use async_trait::async_trait;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use slatedb::Error;
use slatedb::db_cache::{CacheFetch, CacheLoader, CachedEntry, CachedKey, DbCache};

/// What an entry takes beside its content, about.
const ENTRY_BYTES: usize = 200;

pub(crate) struct FileCache {
    entries: Cache<CachedKey, CachedEntry>,
}

/// A load has failed; the error is with whoever has tried.
#[derive(Debug)]
struct Failed;

impl FileCache {
    /// One of so many bytes at the most.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |_: &CachedKey, entry: &CachedEntry| {
            u32::try_from(ENTRY_BYTES + entry.size()).unwrap_or(u32::MAX)
        };
        let builder = Cache::builder().weigher(weigh).max_capacity(bytes);
        Self { entries: builder.eviction_policy(EvictionPolicy::lru()).build() }
    }

    async fn get(&self, key: &CachedKey) -> Result<Option<CachedEntry>, Error> {
        Ok(self.entries.get(key).await)
    }

    /// What is known, or what `load` reads, if nobody is reading it.
    async fn fetch(&self, key: CachedKey, load: CacheLoader) -> Result<CacheFetch, Error> {
        let (mut load, mut error) = (Some(load), None);
        let loading = async {
            let Some(load) = load.take() else { return Err(Failed) };
            load().await.map_err(|why| {
                error = Some(why);
                Failed
            })
        };
        match self.entries.entry(key).or_try_insert_with(loading).await {
            Ok(entry) if entry.is_fresh() => Ok(CacheFetch::miss(entry.into_value())),
            Ok(entry) => Ok(CacheFetch::hit(entry.into_value())),
            Err(_) => match (error, load) {
                // Somebody else has tried. Errors cannot be shared, so this one is had first-hand.
                (None, Some(load)) => load().await.map(CacheFetch::miss),
                (error, _) => Err(error.unwrap_or_else(|| Error::internal(LOST.to_owned()))),
            },
        }
    }
}

/// Cannot be: a load that has begun and failed leaves its error.
const LOST: &str = "reading a file failed, and nobody knows why";

#[async_trait]
impl DbCache for FileCache {
    async fn get_block(&self, key: &CachedKey) -> Result<Option<CachedEntry>, Error> {
        self.get(key).await
    }

    async fn get_index(&self, key: &CachedKey) -> Result<Option<CachedEntry>, Error> {
        self.get(key).await
    }

    async fn get_filter(&self, key: &CachedKey) -> Result<Option<CachedEntry>, Error> {
        self.get(key).await
    }

    async fn get_stats(&self, key: &CachedKey) -> Result<Option<CachedEntry>, Error> {
        self.get(key).await
    }

    async fn insert(&self, key: CachedKey, value: CachedEntry) {
        self.entries.insert(key, value).await;
    }

    async fn remove(&self, key: &CachedKey) {
        self.entries.invalidate(key).await;
    }

    fn entry_count(&self) -> u64 {
        self.entries.entry_count()
    }

    async fn fetch_block(&self, key: CachedKey, load: CacheLoader) -> Result<CacheFetch, Error> {
        self.fetch(key, load).await
    }

    async fn fetch_index(&self, key: CachedKey, load: CacheLoader) -> Result<CacheFetch, Error> {
        self.fetch(key, load).await
    }

    async fn fetch_filter(&self, key: CachedKey, load: CacheLoader) -> Result<CacheFetch, Error> {
        self.fetch(key, load).await
    }

    async fn fetch_stats(&self, key: CachedKey, load: CacheLoader) -> Result<CacheFetch, Error> {
        self.fetch(key, load).await
    }
}
