//! The few file operations that the log needs, so that a disk that fails, lies or loses power can be
//! put under it.
//!
//! One directory, files by name. A file's content is safe after [`Disk::sync`], its name after
//! [`Disk::sync_directory`]; before that, a power cut may keep any part of it.

use std::fmt;
use std::io;

pub(crate) mod files;
pub(crate) mod simulated;

/// A directory of files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// The length of a file.
    fn length(&self, file: &str) -> io::Result<u64>;

    /// Fills `into` with a file's bytes from `offset` on; an error if there are fewer.
    fn read(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Makes an empty file; an error if the name is taken.
    fn create(&self, file: &str) -> io::Result<()>;

    /// Writes bytes at an offset, over what is there or beyond the end.
    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file.
    fn truncate(&self, file: &str, length: u64) -> io::Result<()>;

    /// Forces a file's content and length onto the disk. After an error it is unknown what is
    /// there, and asking again may not tell.
    fn sync(&self, file: &str) -> io::Result<()>;

    /// Gives a file another name, over a file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, file: &str) -> io::Result<()>;

    /// Forces the directory's names onto the disk.
    fn sync_directory(&self) -> io::Result<()>;
}
