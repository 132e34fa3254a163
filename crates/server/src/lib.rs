//! Listeners, execution, admission control, admin API and the dashboard page.
