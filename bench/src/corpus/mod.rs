//! Owns the corpus: clips of real pages, frame by frame with the damage that the browser reported.
//!
//! `clip` is the file, `capture` makes one from a real Chromium on the bare compositor, `serve` gives that browser its
//! page, `actions` turns a script into input. Must never depend on the codec's format: a clip outlives every version of it.

pub mod actions;
pub mod capture;
pub mod clip;
pub mod serve;

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use shoji_codec::Size;
use shoji_viewer::{keys::Layout, script};

use crate::cli::Record;
use crate::words::{Language, Text};

/// Runs `record`: one clip for each script.
///
/// # Errors
/// Names what is missing or wrong, and what to do next.
pub fn record(asked: &Record) -> anyhow::Result<()> {
    let language = asked.lang.unwrap_or_else(Language::of_environment);
    std::fs::create_dir_all(&asked.out).with_context(|| format!("cannot make the folder {}", asked.out.display()))?;
    // Every script is checked before the first browser starts.
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the script {}; is its path right?", path.display()))?;
        let lines = script::parse(&text, Layout::Jp).with_context(|| path.display().to_string())?;
        let actions = actions::of(&lines, Layout::Jp).with_context(|| path.display().to_string())?;
        anyhow::Ok(actions)
    };
    let orders = asked.scripts.iter().map(|path| Ok((path, read(path)?))).collect::<anyhow::Result<Vec<_>>>()?;
    for (path, actions) in orders {
        let whole = path.canonicalize().with_context(|| format!("cannot find the folder of {}", path.display()))?;
        let folder = whole.parent().map(Path::to_owned).unwrap_or_default();
        let name = folder.file_name().map_or_else(|| "clip".into(), |name| name.to_string_lossy().into_owned());
        let served = if asked.url.is_none() { Some(serve::Served::folder(&folder)?) } else { None };
        let url = asked.url.clone().or_else(|| served.as_ref().map(serve::Served::url)).unwrap_or_default();
        let order = capture::Order {
            url,
            width: asked.size.width,
            height: asked.size.height,
            actions,
            frames: asked.frames as usize,
            browser: asked.browser.clone(),
        };
        let say = |text: &str| {
            eprint!("\r{name}: {text}   ");
            // Progress that cannot be shown is no reason to stop.
            let _ = std::io::stderr().flush();
        };
        say(language.say(Text("ページを読み込んでいます", "the page loads")));
        let frames = capture::record(order, |n| say(&format!("{n} {}", language.say(Text("コマ", "frames")))))?;
        say(language.say(Text("圧縮しています", "packing")));
        let file = asked.out.join(format!("{name}.clip"));
        let size = Size { width: asked.size.width.into(), height: asked.size.height.into() };
        clip::write(&file, size, &frames)?;
        let bytes = std::fs::metadata(&file).map_or(0, |data| data.len());
        say(&format!(
            "{} {}, {:.1} s, {:.2} MB: {}",
            frames.len(),
            language.say(Text("コマ", "frames")),
            frames.last().map_or(0, |frame| frame.at) as f64 / 1e6,
            bytes as f64 / 1e6,
            file.display()
        ));
        eprintln!();
    }
    Ok(())
}
