//! Owns what a run leaves behind: a table for the terminal, a JSON document and one self-contained HTML page.
//!
//! Must never compute a figure that is not in the document: the JSON holds all that the page shows.

pub mod codec;
pub mod decoder;
pub mod heap;
mod html;
mod plot;
pub mod resize;
mod section;
mod svg;
pub mod table;
pub mod typing;

use std::fs;
use std::path::{Path, PathBuf};

use crate::result::Document;

/// The report's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The document.
    pub json: PathBuf,
}

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file or the folder.
    #[error("cannot write {path}: {why}; choose another folder with --out or free some space", path = .0.display(), why = .1)]
    File(PathBuf, std::io::Error),
    /// The document has a figure that JSON does not know.
    #[error("the figures do not fit into JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes `latency.json` and `latency.html` into a folder, made if it is missing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn write(document: &Document, folder: &Path) -> Result<Written, WriteError> {
    let at = |path: &Path, why| WriteError::File(path.to_owned(), why);
    fs::create_dir_all(folder).map_err(|why| at(folder, why))?;
    let written = Written { html: folder.join("latency.html"), json: folder.join("latency.json") };
    fs::write(&written.json, serde_json::to_vec(document)?).map_err(|why| at(&written.json, why))?;
    fs::write(&written.html, html::page(document)).map_err(|why| at(&written.html, why))?;
    Ok(written)
}

/// A figure with as many decimals as its size deserves.
fn figure(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        zero if zero < 0.000_5 => "0".to_owned(),
        small if small < 0.1 => format!("{value:.3}"),
        _ => format!("{value:.2}"),
    }
}

/// Bytes as people read them, in steps of 1000.
fn bytes(value: f64) -> String {
    match value {
        large if large >= 1e6 => format!("{} MB", figure(large / 1e6)),
        middle if middle >= 1e3 => format!("{} kB", figure(middle / 1e3)),
        small => format!("{small:.0} B"),
    }
}

fn count_of(number: u64) -> f64 {
    crate::stats::count(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_that_matter() {
        assert_eq!([0.0, 0.031, 4.321, 43.21, 432.1].map(figure), ["0", "0.031", "4.32", "43.2", "432"]);
        assert_eq!([12.0, 1_234.0, 5_600_000.0].map(bytes), ["12 B", "1.23 kB", "5.60 MB"]);
    }
}
