//! The names on a simulated disk: as programs see them, as they are on the disk, and the changes that lie
//! between the two.

use crate::random::Random;
use std::collections::BTreeMap;
use std::io;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(u64),
    Directory,
}

/// A change of one directory. Whoever renames stays in it.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Add(String, Node),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Default)]
pub(super) struct Names {
    seen: BTreeMap<String, Node>,
    safe: BTreeMap<String, Node>,
    /// Changes of directories that are not synced, in order.
    pending: Vec<Change>,
}

/// The directory that a path is in; the root is the empty path.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Names {
    /// The number of a file.
    pub(super) fn file(&self, path: &str) -> io::Result<u64> {
        match self.seen.get(path) {
            Some(Node::File(number)) => Ok(*number),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// All files with their numbers.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.seen.iter().filter_map(|(path, node)| match node {
            Node::File(number) => Some((path.as_str(), *number)),
            Node::Directory => None,
        })
    }

    /// Whether a file has a name.
    pub(super) fn holds(&self, file: u64) -> bool {
        self.seen.values().any(|node| *node == Node::File(file))
    }

    /// What is in a directory, by name.
    pub(super) fn entries(&self, directory: &str) -> io::Result<Vec<(String, Node)>> {
        self.check_directory(directory)?;
        let below = self.below(directory).filter(|(path, _)| parent(path) == directory);
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        Ok(below.map(|(path, node)| (name(path), *node)).collect())
    }

    fn below<'a>(&'a self, directory: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let from = self.seen.range(prefix.clone()..);
        from.take_while(move |(path, _)| path.starts_with(&prefix))
    }

    fn check_directory(&self, path: &str) -> io::Result<()> {
        match self.seen.get(path) {
            _ if path.is_empty() => Ok(()),
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Gives a free name to something.
    pub(super) fn add(&mut self, path: &str, node: Node) -> io::Result<()> {
        if self.seen.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(Change::Add(path.to_owned(), node))
    }

    /// Removes an empty directory.
    pub(super) fn remove_directory(&mut self, path: &str) -> io::Result<()> {
        self.check_directory(path)?;
        if self.below(path).next().is_some() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(Change::Remove(path.to_owned()))
    }

    pub(super) fn change(&mut self, change: Change) -> io::Result<()> {
        self.check_directory(change.directory())?;
        change.apply(&mut self.seen);
        self.pending.push(change);
        Ok(())
    }

    /// Makes the changes of one directory safe.
    pub(super) fn sync_directory(&mut self, directory: &str) -> io::Result<()> {
        self.check_directory(directory)?;
        let pending = std::mem::take(&mut self.pending);
        let (synced, left) = pending.into_iter().partition(|c| c.directory() == directory);
        let synced: Vec<Change> = synced;
        synced.iter().for_each(|change| change.apply(&mut self.safe));
        self.pending = left;
        Ok(())
    }

    /// Some of the pending changes took place, and nothing else.
    pub(super) fn power_cycle(&mut self, random: &mut Random) {
        // All, nothing, or any part: the middle alone would hardly ever show the two ends.
        let kept_percent = [0, 50, 90, 100][(random.next() % 4) as usize];
        for change in self.pending.drain(..) {
            if random.chance(kept_percent) {
                change.apply(&mut self.safe);
            }
        }
        self.drop_lost();
        self.seen = self.safe.clone();
    }

    /// Without its directory a name is nothing. Directories come before what is in them.
    fn drop_lost(&mut self) {
        let mut found = BTreeMap::new();
        for (path, node) in std::mem::take(&mut self.safe) {
            let directory = parent(&path);
            if directory.is_empty() || found.get(directory) == Some(&Node::Directory) {
                found.insert(path, node);
            }
        }
        self.safe = found;
    }
}

impl Change {
    /// The directory that is changed.
    fn directory(&self) -> &str {
        match self {
            Self::Add(path, _) | Self::Remove(path) | Self::Rename(path, _) => parent(path),
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Add(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_when_its_directory_and_those_above_it_are() {
        for synced in 0..3 {
            let mut names = Names::default();
            names.add("a", Node::Directory).unwrap();
            names.add("a/b", Node::Directory).unwrap();
            names.add("a/b/f", Node::File(1)).unwrap();
            for directory in ["a/b", "a", ""].iter().take(synced) {
                names.sync_directory(directory).unwrap();
            }
            // A seed that keeps nothing of what is pending.
            let mut none = (0..).map(Random::new).find(|r| r.clone().next() % 4 == 0).unwrap();
            names.power_cycle(&mut none);
            assert!(names.file("a/b/f").is_err(), "{synced}");
            names.add("a", Node::Directory).unwrap();
            assert!(names.entries("a").unwrap().is_empty(), "what was in it is gone");
        }
        let mut names = Names::default();
        names.add("a", Node::Directory).unwrap();
        names.add("a/f", Node::File(1)).unwrap();
        names.sync_directory("a").unwrap();
        names.sync_directory("").unwrap();
        names.change(Change::Remove("a/f".to_owned())).unwrap();
        names.remove_directory("a").unwrap();
        let mut none = (0..).map(Random::new).find(|r| r.clone().next() % 4 == 0).unwrap();
        names.power_cycle(&mut none);
        assert_eq!(names.file("a/f").unwrap(), 1, "removals, too, have to be synced");
    }

    #[test]
    fn directories_are_removed_when_they_are_empty() {
        let mut names = Names::default();
        names.add("a", Node::Directory).unwrap();
        names.add("ab", Node::File(2)).unwrap();
        names.add("a/f", Node::File(1)).unwrap();
        assert!(names.add("b/f", Node::File(3)).is_err());
        assert!(names.remove_directory("a").is_err());
        assert_eq!(names.entries("").unwrap().len(), 2);
        names.change(Change::Remove("a/f".to_owned())).unwrap();
        names.remove_directory("a").unwrap();
        assert!(names.entries("a").is_err());
    }
}
