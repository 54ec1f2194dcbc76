//! What has to be installed before a session can work, and the sentence that says how to install it.
//!
//! Looks at files only; installs nothing.

use std::fmt;
use std::path::{Path, PathBuf};

/// The browsers that are looked for, best first: Debian's Chromium without its shell wrapper, Chrome, Edge.
const KNOWN: [&str; 4] =
    ["/usr/lib/chromium/chromium", "/usr/bin/chromium", "/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge"];

/// Where fonts are.
const FONTS: [&str; 3] = ["/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts/shoji"];

/// Parts of the names of fonts with Japanese glyphs: Noto CJK, IPA, Takao, VL, BIZ UD, Morisawa, Source Han, Mplus.
const JAPANESE_FONTS: [&str; 9] =
    ["cjk", "ipaex", "ipag", "takao", "vl-gothic", "bizud", "biz-ud", "sourcehan", "mplus"];

/// One thing that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// No browser.
    Browser,
    /// The configured browser is not there.
    ConfiguredBrowser(PathBuf),
    /// The browser's Japanese texts.
    JapaneseTexts,
    /// Bubblewrap.
    Bubblewrap(PathBuf),
    /// Fonts with Japanese glyphs.
    Fonts,
}

impl Lack {
    fn package(&self) -> Option<&'static str> {
        match self {
            Self::Browser => Some("chromium"),
            Self::ConfiguredBrowser(_) => None,
            Self::JapaneseTexts => Some("chromium-l10n"),
            Self::Bubblewrap(_) => Some("bubblewrap"),
            Self::Fonts => Some("fonts-noto-cjk"),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Browser => write!(f, "no Chromium, Chrome or Edge is installed"),
            Self::ConfiguredBrowser(path) => {
                write!(f, "there is no browser {} (browser.path)", path.display())
            }
            Self::JapaneseTexts => write!(f, "the browser's Japanese texts are not installed"),
            Self::Bubblewrap(path) => write!(f, "there is no bubblewrap {}", path.display()),
            Self::Fonts => write!(f, "no font with Japanese characters is installed"),
        }
    }
}

/// All that is missing, with the command that installs it.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing(Vec<Lack>);

impl std::error::Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, lack) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{lack}")?;
        }
        let packages: Vec<_> = self.0.iter().filter_map(Lack::package).collect();
        if packages.is_empty() {
            write!(f, ": correct the path in the configuration")
        } else {
            write!(f, ": apt-get install {}", packages.join(" "))
        }
    }
}

/// The browser to use, if everything it needs is there.
pub fn check(configured: Option<&Path>, bubblewrap: &Path) -> Result<PathBuf, Missing> {
    let known: Vec<&Path> = KNOWN.iter().map(Path::new).collect();
    let fonts: Vec<&Path> = FONTS.iter().map(Path::new).collect();
    check_in(configured, bubblewrap, &known, &fonts)
}

fn check_in(
    configured: Option<&Path>,
    bubblewrap: &Path,
    known: &[&Path],
    fonts: &[&Path],
) -> Result<PathBuf, Missing> {
    let mut lacks = Vec::new();
    let browser = match configured {
        Some(path) if path.is_file() => Some(real(path)),
        Some(path) => {
            lacks.push(Lack::ConfiguredBrowser(path.to_owned()));
            None
        }
        None => {
            let found = known.iter().find(|path| path.is_file());
            if found.is_none() {
                lacks.extend([Lack::Browser, Lack::JapaneseTexts]);
            }
            found.map(|path| real(path))
        }
    };
    if let Some(browser) = &browser
        && !has_japanese_texts(browser)
    {
        lacks.push(Lack::JapaneseTexts);
    }
    if !bubblewrap.is_file() {
        lacks.push(Lack::Bubblewrap(bubblewrap.to_owned()));
    }
    if !fonts.iter().any(|folder| has_japanese_font(folder, 0)) {
        lacks.push(Lack::Fonts);
    }
    match browser {
        Some(browser) if lacks.is_empty() => Ok(browser),
        _ => Err(Missing(lacks)),
    }
}

/// The program itself, where `path` is a link or Debian's wrapper script.
fn real(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path == Path::new("/usr/bin/chromium") {
        let program = Path::new("/usr/lib/chromium/chromium");
        if program.is_file() {
            return program.to_owned();
        }
    }
    path
}

/// All three browsers keep one file of texts per language beside their program.
fn has_japanese_texts(browser: &Path) -> bool {
    browser.parent().is_some_and(|folder| folder.join("locales/ja.pak").exists())
}

fn has_japanese_font(folder: &Path, depth: u8) -> bool {
    // Fonts lie two or three levels deep; links could make a ring.
    if depth > 5 {
        return false;
    }
    let Ok(entries) = folder.read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return has_japanese_font(&path, depth + 1);
        }
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        JAPANESE_FONTS.iter().any(|part| name.contains(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: PathBuf) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"").unwrap();
        path
    }

    #[test]
    fn everything_that_is_missing_is_named_with_its_package() {
        let empty = tempfile::tempdir().unwrap();
        let none = empty.path().join("none");
        let missing = check_in(None, &none, &[&none], &[&none]).unwrap_err();
        let text = missing.to_string();
        assert!(text.ends_with("apt-get install chromium chromium-l10n bubblewrap fonts-noto-cjk"), "{text}");
    }

    #[test]
    fn only_what_is_missing_is_named() {
        let root = tempfile::tempdir().unwrap();
        let browser = file(root.path().join("browser/chromium"));
        let bubblewrap = file(root.path().join("bwrap"));
        let fonts = root.path().join("fonts");
        file(fonts.join("opentype/NotoSansCJK-Regular.ttc"));
        let check = || check_in(None, &bubblewrap, &[&browser], &[&fonts]);
        let text = check().unwrap_err().to_string();
        assert!(text.ends_with(": apt-get install chromium-l10n"), "{text}");
        file(root.path().join("browser/locales/ja.pak"));
        assert!(check().is_ok());
    }

    #[test]
    fn a_wrong_path_in_the_configuration_is_named() {
        let root = tempfile::tempdir().unwrap();
        let bubblewrap = file(root.path().join("bwrap"));
        let fonts = root.path().join("fonts");
        file(fonts.join("ipaexg.ttf"));
        let wrong = root.path().join("wrong");
        let missing = check_in(Some(&wrong), &bubblewrap, &[], &[&fonts]).unwrap_err();
        let text = missing.to_string();
        assert!(text.contains("browser.path") && !text.contains("apt-get"), "{text}");
    }
}
