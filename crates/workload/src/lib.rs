//! Workload vectors, recorder, collector, windows, cells, history and trace files.
