//! Takes the built dashboard (`ui/dist`, made by `make ui`) into the binary, if it is there.
//!
//! The Rust build needs neither Node.js nor npm: without a dashboard there is a page that says so.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut assets = String::from("&[\n");
    for name in ["index.html", "app.js", "style.css"] {
        let path = dist.join(name);
        if path.is_file() {
            writeln!(assets, "({name:?}, include_bytes!({:?})),", path.canonicalize()?)
                .map_err(io::Error::other)?;
        }
    }
    assets.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("dashboard.rs"), assets)
}
