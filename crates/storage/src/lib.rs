//! Partitions on SlateDB, the catalog, and the reslice primitive.
