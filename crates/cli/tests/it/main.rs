//! The binary as its user meets it: started, talked to over HTTP, stopped, killed.

mod bench;
mod http;
mod kill;
mod lifecycle;
mod process;
