//! What the viewer remembers of its user between two starts: that it explained itself, and how large the session is drawn.
//!
//! Owns a folder with one small file for each. What cannot be read is as if it had never been written, and what cannot be written is
//! said in the log only: nobody's work depends on it. It must never hold anything of a session.

use std::{fs, io, path::PathBuf};

/// The file that says that the program has explained itself.
const EXPLAINED: &str = "viewer-explained";

/// The file with the zoom in hundredths.
const ZOOM: &str = "viewer-zoom";

/// Most bytes of a file that is read.
const MOST: u64 = 16;

/// The folder.
#[derive(Debug, Clone)]
pub struct Memory {
    folder: PathBuf,
}

impl Memory {
    /// What is remembered of the user who runs the program; `None`: the system names no folder for it.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let directories = directories::ProjectDirs::from("", "", "shoji")?;
        let folder = directories.state_dir().unwrap_or_else(|| directories.data_local_dir());
        Some(Self::in_folder(folder.to_owned()))
    }

    /// What is remembered in this folder, which is made with the first thing to remember.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Whether the program has explained itself.
    #[must_use]
    pub fn has_explained(&self) -> bool {
        self.folder.join(EXPLAINED).exists()
    }

    /// It has now.
    pub fn explained(&self) {
        self.keep(EXPLAINED, "");
    }

    /// The zoom in hundredths, if it is one of `known`.
    #[must_use]
    pub fn zoom(&self, known: &[u16]) -> Option<u16> {
        let path = self.folder.join(ZOOM);
        if fs::metadata(&path).ok()?.len() > MOST {
            return None;
        }
        let zoom = fs::read_to_string(path).ok()?.trim().parse().ok()?;
        known.contains(&zoom).then_some(zoom)
    }

    /// The person chose this one.
    pub fn keep_zoom(&self, zoom: u16) {
        self.keep(ZOOM, &zoom.to_string());
    }

    fn keep(&self, file: &str, text: &str) {
        let keep = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            fs::write(self.folder.join(file), text)
        };
        if let Err(error) = keep() {
            tracing::debug!(%error, file, "Something could not be remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_remembered_by_the_next_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = || Memory::in_folder(folder.path().join("not made yet"));
        assert!(!memory().has_explained());
        memory().explained();
        memory().keep_zoom(150);
        assert!(memory().has_explained());
        assert_eq!(memory().zoom(&[100, 150]), Some(150));
    }

    #[test]
    fn what_makes_no_sense_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::in_folder(folder.path().to_owned());
        assert_eq!(memory.zoom(&[100]), None);
        for text in ["", "large", "-1", "133", "99999999", "150\n                                   "] {
            fs::write(folder.path().join(ZOOM), text).expect("a file");
            assert_eq!(memory.zoom(&[100, 150]), None, "{text:?}");
        }
        fs::write(folder.path().join(ZOOM), "150\n").expect("a file");
        assert_eq!(memory.zoom(&[100, 150]), Some(150));
    }
}
