//! Re-partitioning score, slicing and plans; no I/O, no clock.
