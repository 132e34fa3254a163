//! How files become objects: staging, forcing, naming; and finding them again. Blocks.

use super::tree::{Entry, OpenFile, Stat, Tree, join, parent};
use object_store::PutPayload;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

/// The files of one tree.
#[derive(Debug)]
pub(super) struct Files {
    tree: Arc<dyn Tree>,
    /// Directories whose names, and those of all above them, are known to be on the disk. That a
    /// directory exists says nothing: whoever made it may not have forced it yet, or may have died before.
    safe: Mutex<HashSet<String>>,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) file: Box<dyn OpenFile>,
    path: String,
    object: String,
}

/// What is in a directory, by path.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) directories: Vec<String>,
    pub(super) objects: Vec<(String, Stat)>,
}

/// Whether a file with this name is one that is being written: `name#1`.
pub(crate) fn is_staging_name(name: &str) -> bool {
    name.split_once('#')
        .is_some_and(|(_, tail)| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Files {
    pub(super) fn new(tree: Arc<dyn Tree>) -> Self {
        Self { tree, safe: Mutex::default() }
    }

    pub(super) fn tree(&self) -> &dyn Tree {
        &*self.tree
    }

    pub(super) fn forget_directory(&self, path: &str) {
        let below = format!("{path}/");
        self.safe.lock().retain(|other| other != path && !other.starts_with(&below));
    }

    /// Makes a directory and those above it, as far as they are missing, and their names safe.
    fn ensure_directory(&self, path: &str) -> io::Result<()> {
        if path.is_empty() || self.safe.lock().contains(path) {
            return Ok(());
        }
        let above = parent(path);
        self.ensure_directory(above)?;
        match self.tree.make_directory(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.tree.sync_directory(above)?;
        self.safe.lock().insert(path.to_owned());
        Ok(())
    }

    /// Writes an object as a whole. If it must be new and is not, that is an error.
    pub(super) fn put(&self, object: &str, payload: &PutPayload, create: bool) -> io::Result<()> {
        let staged = self.stage(object)?;
        let written = write_all(&*staged.file, 0, payload);
        match written.and_then(|()| self.publish(&staged, create)) {
            Err(error) => {
                self.discard(&staged);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Begins a file that will be an object.
    pub(super) fn stage(&self, object: &str) -> io::Result<Staged> {
        self.ensure_directory(parent(object))?;
        match self.create_staged(object) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Somebody has removed a directory that was there.
                self.safe.lock().clear();
                self.ensure_directory(parent(object))?;
                self.create_staged(object)
            }
            staged => staged,
        }
    }

    fn create_staged(&self, object: &str) -> io::Result<Staged> {
        let mut number = 1_u64;
        loop {
            let path = format!("{object}#{number}");
            match self.tree.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                file => return Ok(Staged { file: file?, path, object: object.to_owned() }),
            }
        }
    }

    /// Makes an object of a file that was written.
    pub(super) fn publish(&self, staged: &Staged, create: bool) -> io::Result<()> {
        let Staged { file, path, object } = staged;
        file.sync()?;
        match create {
            true => self.tree.link(path, object)?,
            false => self.tree.rename(path, object)?,
        }
        self.tree.sync_directory(parent(object))?;
        if create {
            // If it stays, the next start sweeps it away.
            let _ = self.tree.remove(path);
        }
        Ok(())
    }

    /// Gives a staged file up. If it stays, the next start sweeps it away.
    pub(super) fn discard(&self, staged: &Staged) {
        let _ = self.tree.remove(&staged.path);
    }

    /// Opens an object. A directory is none.
    pub(super) fn open(&self, path: &str) -> io::Result<(Box<dyn OpenFile>, Stat)> {
        let opened = self.tree.open(path).and_then(|file| {
            let stat = file.stat()?;
            Ok((file, stat))
        });
        opened.map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => io::ErrorKind::NotFound.into(),
            _ => error,
        })
    }

    /// The directories and the objects that are in a directory. What goes away meanwhile is left out.
    pub(super) fn list(&self, directory: &str) -> io::Result<Listed> {
        let entries = match self.tree.entries(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => entries?,
        };
        let mut listed = Listed::default();
        for Entry { name, is_directory } in entries {
            let path = join(directory, &name);
            match is_directory {
                true => listed.directories.push(path),
                false if is_staging_name(&name) => {}
                false => match self.tree.stat(&path) {
                    Ok(stat) => listed.objects.push((path, stat)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(listed)
    }

    /// All objects below a directory.
    pub(super) fn walk(&self, directory: &str, found: &mut Vec<(String, Stat)>) -> io::Result<()> {
        let listed = self.list(directory)?;
        found.extend(listed.objects);
        listed.directories.iter().try_for_each(|below| self.walk(below, found))
    }
}

/// Writes a payload at an offset.
pub(super) fn write_all(file: &dyn OpenFile, at: u64, payload: &PutPayload) -> io::Result<()> {
    let mut at = at;
    for part in payload {
        file.write(at, part)?;
        at += part.len() as u64;
    }
    Ok(())
}
