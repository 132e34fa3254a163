//! Says which code this is: results that were kept are only reused by the code that made them.

use std::path::{Path, PathBuf};

/// The crates whose code decides what a simulation says, and what they were built from.
const SOURCES: [&str; 7] = [
    "../types/src",
    "../workload/src",
    "../forecast/src",
    "../planner/src",
    "src",
    "../../Cargo.lock",
    "build.rs",
];

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        find(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for file in files {
        let text = std::fs::read(&file)?;
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(&text);
    }
    println!("cargo::rustc-env=SIMULATOR_CODE={:032x}", hash.digest128());
    Ok(())
}

fn find(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            find(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_path_buf());
    }
    Ok(())
}
