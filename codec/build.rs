//! Fails the build where nasm is missing: the H.264 library would silently fall back to C, which is half as fast.

use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if arch != "x86_64" && arch != "x86" {
        return; // The library's assembler routines for other machines need no nasm.
    }
    let found = Command::new("nasm").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!(
            "cargo::error=nasm is missing, so H.264 would be built without its fast routines. Install it: apt-get install nasm"
        );
    }
}
