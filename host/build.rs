//! Embeds the built web viewer (`viewer/web/dist`) in the host, each file with its compressed form.
//!
//! The folder may be missing: then nothing is embedded, and the host says so when it starts. This must never fetch or run
//! anything; building the web viewer is a step of its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Bytes of all files together: far above the 300 kB that the page may weigh, and far below what bloats a program.
const MOST: usize = 16 << 20;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let web = manifest.join("../viewer/web");
    let built = web.join("dist");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if built.is_dir() {
        println!("cargo::rerun-if-changed={}", built.display());
        list(&built, &mut files)?;
        files.sort();
    } else if web.is_dir() {
        // A missing path would count as changed at every build; its folder changes when it is made.
        println!("cargo::rerun-if-changed={}", web.display());
    }
    let mut table =
        String::from("/// The files of the web viewer when the host was built.\npub const EMBEDDED: &[Asset] = &[\n");
    let mut total = 0;
    for (number, file) in files.iter().enumerate() {
        let bytes = fs::read(file)?;
        total += bytes.len();
        assert!(total <= MOST, "{} holds more than {MOST} bytes: is it a built web viewer?", built.display());
        let path = file.strip_prefix(&built).expect("it was found there").to_str().expect("names are UTF-8");
        let plain = out.join(format!("web_{number}"));
        fs::write(&plain, &bytes)?;
        let brotli = match compress(&bytes)? {
            Some(smaller) => {
                let compressed = out.join(format!("web_{number}.br"));
                fs::write(&compressed, smaller)?;
                format!("Some(include_bytes!({compressed:?}))")
            }
            None => "None".to_owned(),
        };
        let kind = kind(file);
        writeln!(
            table,
            "Asset {{ path: {:?}, kind: {kind:?}, bytes: include_bytes!({plain:?}), brotli: {brotli} }},",
            format!("/{path}")
        )
        .expect("a string takes it");
    }
    table.push_str("];\n");
    fs::write(out.join("web_assets.rs"), table)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if is_hidden || matches!(extension, "map" | "br" | "gz") {
            continue;
        }
        if kind.is_dir() {
            list(&path, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// The compressed form, if it is worth it.
fn compress(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    // The best form takes seconds, which only what is shipped is worth.
    let quality = if env::var("PROFILE").is_ok_and(|profile| profile == "release") { 11 } else { 5 };
    let mut compressed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut compressed, 1 << 16, quality, 22);
    writer.write_all(bytes)?;
    drop(writer);
    Ok((compressed.len() + compressed.len() / 16 < bytes.len()).then_some(compressed))
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
