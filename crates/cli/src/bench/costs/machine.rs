//! What the kernel says of this process and of the machine (Linux's /proc).

use std::path::Path;

/// The CPU time of this process's threads, in seconds, to the nanosecond.
pub(super) fn cpu_seconds() -> std::io::Result<f64> {
    let mut nanos = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        // A thread that has ended meanwhile is not there any more.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += first_number(&text).unwrap_or(0.0);
    }
    Ok(nanos / 1e9)
}

/// The bytes that this process has written to files.
pub(super) fn written_bytes() -> std::io::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("wchar:"));
    line.and_then(first_number).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Processor, cores, memory, kernel, file system.
pub(super) fn description(directory: &Path) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_kb = first_number(&field(&read("/proc/meminfo"), "MemTotal")).unwrap_or(0.0);
    format!(
        "{}, {cores} cores, {:.0} GB of memory, Linux {}, {}",
        field(&read("/proc/cpuinfo"), "model name"),
        memory_kb / f64::from(1 << 20),
        read("/proc/sys/kernel/osrelease").trim(),
        file_system(&read("/proc/mounts"), &directory.canonicalize().unwrap_or_default()),
    )
}

/// The type of the file system that `directory` is on: that of the longest mount point above it.
fn file_system(mounts: &str, directory: &Path) -> String {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounts.filter(|(point, _)| directory.starts_with(point));
    // Of two on the same point the later one is on top.
    let longest = above.max_by_key(|(point, _)| point.len());
    longest.map_or_else(|| "unknown file system".to_owned(), |(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_writes_are_counted() {
        let (cpu, written) = (cpu_seconds().unwrap(), written_bytes().unwrap());
        let mut sum = 0u64;
        while cpu_seconds().unwrap() < cpu + 0.01 {
            sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![0; 5_000]).unwrap();
        assert!(written_bytes().unwrap() >= written + 5_000.0);
    }

    #[test]
    fn the_longest_mount_point_counts() {
        let mounts = "a / ext4 rw 0 0\nb /tmp tmpfs rw 0 0\nc /tmp/x xfs rw 0 0\n";
        for (directory, kind) in [("/", "ext4"), ("/tmp/y", "tmpfs"), ("/tmp/x/z", "xfs")] {
            assert_eq!(file_system(mounts, Path::new(directory)), kind);
        }
    }
}
