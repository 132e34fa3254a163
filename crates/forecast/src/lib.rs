//! Forecast models, calibration and selection; no I/O, no clock.
