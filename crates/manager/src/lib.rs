//! The re-partitioning manager: observe, forecast, score, plan, act.
