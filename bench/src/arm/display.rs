//! Owns an X server without a screen, and its picture as it lies in memory: what a person would see of a window.
//!
//! Must never use a display that it did not start, and never write to its picture.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;

use anyhow::Context as _;

use super::START_PATIENCE;
use crate::code::Picture;

/// A process that ends with this value.
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An X server without a screen.
pub(crate) struct Display {
    server: Ended,
    name: String,
}

impl Display {
    /// Starts one. With a folder its picture lies there, and no pointer is painted into it.
    ///
    /// # Errors
    /// If there is no Xvfb or it does not start.
    pub(crate) fn start(width: u32, height: u32, picture: Option<&Path>) -> anyhow::Result<Self> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{width}x{height}x24")]);
        if let Some(folder) = picture {
            command.args(["-nocursor", "-fbdir"]).arg(folder);
        }
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Xvfb; install the package xvfb")?;
        let output = server.stdout.take().expect("the output was piped");
        let server = Ended(server);
        let (told, tells) = sync_channel(1);
        // Ends with the server: its output closes then.
        std::thread::Builder::new().name("xvfb-output".into()).spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            // The bench may have stopped waiting.
            let _ = told.send(read.map(|_| line.trim().to_owned()));
        })?;
        match tells.recv_timeout(START_PATIENCE) {
            Ok(Ok(number)) if !number.is_empty() => Ok(Self { server, name: format!(":{number}") }),
            _ => anyhow::bail!("Xvfb did not start; is another server using every display, or the memory full?"),
        }
    }

    /// A program that will show its windows here.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Without a Wayland display in its environment a viewer takes the X server.
        command
            .env("DISPLAY", &self.name)
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env_remove("XAUTHORITY");
        command
    }

    /// Its name, as programs are told where to show their windows.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's process.
    pub(crate) fn server(&self) -> u32 {
        self.server.0.id()
    }
}

/// The picture of a display whose server keeps it in a folder: a dump of X's own format (XWD), which the server paints into.
#[derive(Debug)]
pub(crate) struct Screen {
    file: File,
    begins: u64,
    width: u32,
    height: u32,
    stride: usize,
    pixels: Vec<u8>,
}

impl Screen {
    /// The file's name in the folder that the server was given.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("Xvfb_screen0")
    }

    /// Opens it.
    ///
    /// # Errors
    /// If it cannot be read or its pixels are no blue, green, red and one byte of nothing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; 80];
        file.read_exact_at(&mut head, 0)?;
        let field =
            |at: usize| u32::from_be_bytes([head[4 * at], head[4 * at + 1], head[4 * at + 2], head[4 * at + 3]]);
        let (length, version, width, height, order) = (field(0), field(1), field(4), field(5), field(7));
        let (bits, stride, colours) = (field(11), field(12), field(19));
        // A row has at most four bytes more than its pixels need; an X server has at most 32767 of each.
        let is_known = (version, order, bits) == (7, 0, 32)
            && (1..=32767).contains(&width)
            && (1..=32767).contains(&height)
            && (4 * width..=4 * width + 4).contains(&stride)
            && length <= 4096
            && colours <= 4096;
        if !is_known {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the X server's picture has another format"));
        }
        let stride = stride as usize;
        let begins = u64::from(length) + 12 * u64::from(colours);
        Ok(Self { file, begins, width, height, stride, pixels: vec![0; stride * height as usize] })
    }

    /// Reads these rows as they are now; those that there are not are passed over.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read(&mut self, rows: impl IntoIterator<Item = u32>) -> io::Result<()> {
        for row in rows.into_iter().filter(|row| *row < self.height) {
            let at = row as usize * self.stride;
            self.file.read_exact_at(&mut self.pixels[at..at + self.stride], self.begins + at as u64)?;
        }
        Ok(())
    }

    /// Reads everything as it is now.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read_all(&mut self) -> io::Result<()> {
        self.file.read_exact_at(&mut self.pixels, self.begins)
    }

    /// What was read last.
    pub(crate) fn picture(&self) -> Picture<'_> {
        Picture { width: self.width, height: self.height, stride: self.stride, pixels: &self.pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(bits: u32) -> Vec<u8> {
        let mut fields = [0_u32; 40];
        for (at, value) in [(0, 160), (1, 7), (2, 2), (3, 24), (4, 2), (5, 3), (11, bits), (12, 8), (19, 1)] {
            fields[at] = value;
        }
        let mut bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
        bytes.extend([0xee; 12]);
        bytes.extend(0..24);
        bytes
    }

    fn open(bytes: &[u8]) -> io::Result<Screen> {
        let folder = tempfile::tempdir()?;
        let path = Screen::path(folder.path());
        std::fs::write(&path, bytes)?;
        Screen::open(&path)
    }

    #[test]
    fn rows_are_read_as_they_are_and_rows_that_there_are_not_are_passed_over() {
        let mut screen = open(&dump(32)).expect("the format is known");
        screen.read([1, 7]).expect("the file is there");
        let picture = screen.picture();
        assert_eq!((picture.width, picture.height, picture.stride), (2, 3, 8));
        assert_eq!(picture.pixels[..8], [0; 8], "this row was not asked for");
        assert_eq!(picture.pixels[8..16], (8..16).collect::<Vec<u8>>());
        screen.read_all().expect("the file is there");
        assert_eq!(screen.picture().pixels, (0..24).collect::<Vec<u8>>());
    }

    #[test]
    fn a_picture_of_another_format_is_refused() {
        assert!(open(&dump(16)).is_err() && open(b"short").is_err() && open(&[0xff; 200]).is_err());
    }
}
