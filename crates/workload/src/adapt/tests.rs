//! Cells follow the load.
