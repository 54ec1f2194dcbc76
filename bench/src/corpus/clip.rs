//! Owns the clip's file: whole pictures, kept as a first one and what was damaged in each that follows.
//!
//! The format is described in `bench/METHOD.md`. It knows nothing of the product's codec, so that the codec may change and
//! be measured on the same clips. Must never trust a file: what is malformed is an error that names it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use shoji_codec::{Frame, Pixel, Rect, Size};

/// The first bytes of every clip: its name and version.
const MAGIC: &[u8; 8] = b"shojicl1";

/// The window over which equal bytes are found, as a power of two: some twenty whole pages at 1080p, so that what a scroll
/// brings back costs nothing.
const WINDOW_LOG: u32 = 27;

/// How hard the compressor tries. A clip is written once and read often.
const EFFORT: i32 = 15;

/// Most rectangles of one frame: what the compositor reports at most is far below.
const MAX_RECTS: usize = 4_096;

/// Bytes of a stored pixel: blue, green, red.
const STORED: usize = 3;

/// Why a clip cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file could not be read or written.
    #[error("cannot read or write {file}: {error}", file = .0.display(), error = .1)]
    File(PathBuf, std::io::Error),
    /// The file is no clip, or one of another version.
    #[error("{file} is no clip of this version; record it again with `shoji-bench record`", file = .0.display())]
    NoClip(PathBuf),
    /// Something in it cannot be.
    #[error("{file} is damaged ({what}); record it again with `shoji-bench record`", file = .0.display(), what = .1)]
    Damaged(PathBuf, &'static str),
}

/// One recorded frame, as it was taken from the compositor.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Microseconds since the first frame.
    pub at: u64,
    /// The damage, as the compositor reported it.
    pub rects: Vec<Rect>,
    /// The damaged pixels: blue, green, red; the rectangles one after the other, each row by row.
    pub pixels: Vec<u8>,
}

impl Taken {
    /// Takes the damaged pixels of a picture.
    #[must_use]
    pub fn of(frame: &Frame<'_>, rects: Vec<Rect>, at: u64) -> Self {
        let mut pixels = Vec::with_capacity(rects.iter().map(|r| r.area() as usize * STORED).sum());
        for rect in &rects {
            for y in rect.y..rect.bottom() {
                let start = y as usize * frame.stride + rect.x as usize * 4;
                let row = &frame.pixels[start..start + rect.width as usize * 4];
                for pixel in row.as_chunks::<4>().0 {
                    pixels.extend_from_slice(&pixel[..STORED]);
                }
            }
        }
        Self { at, rects, pixels }
    }
}

/// Writes a clip; the first frame must be whole.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, size: Size, frames: &[Taken]) -> Result<(), ClipError> {
    let to_file = |error| ClipError::File(path.to_owned(), error);
    let run = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(MAGIC)?;
        file.write_all(&short(size.width))?;
        file.write_all(&short(size.height))?;
        let mut packed = zstd::Encoder::new(file, EFFORT)?;
        packed.long_distance_matching(true)?;
        packed.window_log(WINDOW_LOG)?;
        let mut planes = Vec::new();
        for frame in frames {
            packed.write_all(&u32::try_from(frame.at).unwrap_or(u32::MAX).to_le_bytes())?;
            packed.write_all(&short(frame.rects.len() as u32))?;
            let mut rest = &frame.pixels[..];
            for rect in &frame.rects {
                let (pixels, after) = rest.split_at(rect.area() as usize * STORED);
                rest = after;
                let is_film = looks_like_film(pixels, rect.width as usize);
                for number in [rect.x, rect.y, rect.width, rect.height] {
                    packed.write_all(&short(number))?;
                }
                packed.write_all(&[u8::from(is_film)])?;
                if is_film {
                    foretell(pixels, rect.width as usize, &mut planes);
                    packed.write_all(&planes)?;
                } else {
                    packed.write_all(pixels)?;
                }
            }
        }
        packed.finish()?.flush()
    };
    run().map_err(to_file)
}

fn short(number: u32) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

/// Whether differences to the left neighbour pack better than the pixels: most pixels differ from both neighbours.
fn looks_like_film(pixels: &[u8], width: usize) -> bool {
    let (pixels, _) = pixels.as_chunks::<STORED>();
    let lone = |at: usize| pixels[at] != pixels[at - 1] && pixels[at] != pixels[at - width];
    let sampled = (width + 1..pixels.len()).step_by(7);
    let n = sampled.len();
    n > 0 && 2 * sampled.filter(|at| lone(*at)).count() > n
}

/// What a film's pixel is foretold to be by its neighbours: left + above - above left, held between left and above. Outside
/// the rectangle all is 0.
fn foretold(pixels: &[[u8; STORED]], at: usize, width: usize) -> [u8; STORED] {
    let (x, is_first_row) = (at % width, at < width);
    let none = [0; STORED];
    let left = if x > 0 { pixels[at - 1] } else { none };
    let above = if is_first_row { none } else { pixels[at - width] };
    let corner = if x > 0 && !is_first_row { pixels[at - width - 1] } else { none };
    std::array::from_fn(|i| {
        let (a, b, c) = (i16::from(left[i]), i16::from(above[i]), i16::from(corner[i]));
        (a + b - c).clamp(a.min(b), a.max(b)) as u8
    })
}

/// A film's rectangle as differences from what is foretold: all of green's, then blue's less green's, then red's less green's.
fn foretell(pixels: &[u8], width: usize, planes: &mut Vec<u8>) {
    let (pixels, _) = pixels.as_chunks::<STORED>();
    let n = pixels.len();
    planes.clear();
    planes.resize(n * STORED, 0);
    for (at, own) in pixels.iter().enumerate() {
        let guess = foretold(pixels, at, width);
        let [blue, green, red]: [u8; STORED] = std::array::from_fn(|i| own[i].wrapping_sub(guess[i]));
        (planes[at], planes[n + at], planes[2 * n + at]) = (green, blue.wrapping_sub(green), red.wrapping_sub(green));
    }
}

/// The pixels again.
fn restore(planes: &[u8], width: usize) -> Vec<[u8; STORED]> {
    let n = planes.len() / STORED;
    let mut pixels = vec![[0; STORED]; n];
    for at in 0..n {
        let guess = foretold(&pixels, at, width);
        let (green, blue, red) = (planes[at], planes[n + at], planes[2 * n + at]);
        let own = [blue.wrapping_add(green), green, red.wrapping_add(green)];
        pixels[at] = std::array::from_fn(|i| own[i].wrapping_add(guess[i]));
    }
    pixels
}

/// Plays a clip: holds the picture after the frame that was read last.
pub struct Player {
    path: PathBuf,
    source: zstd::Decoder<'static, BufReader<File>>,
    size: Size,
    pixels: Vec<Pixel>,
    rects: Vec<Rect>,
    bytes: Vec<u8>,
    at: u64,
    /// The next frame, of which only the beginning was read: when it comes, and its number of rectangles.
    next: Option<(u64, usize)>,
}

impl Player {
    /// Opens a clip, before its first frame.
    ///
    /// # Errors
    /// If it cannot be read or is no clip.
    pub fn open(path: &Path) -> Result<Self, ClipError> {
        let of_file = |error| ClipError::File(path.to_owned(), error);
        let mut file = File::open(path).map_err(of_file)?;
        let mut head = [0; 12];
        file.read_exact(&mut head).map_err(|_| ClipError::NoClip(path.to_owned()))?;
        let number = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let size = Size { width: number(8), height: number(10) };
        if &head[..8] != MAGIC || !size.is_canvas() {
            return Err(ClipError::NoClip(path.to_owned()));
        }
        let mut source = zstd::Decoder::new(file).map_err(of_file)?;
        source.window_log_max(WINDOW_LOG).map_err(of_file)?;
        Ok(Self {
            path: path.to_owned(),
            source,
            size,
            pixels: vec![[0, 0, 0, 255]; size.area() as usize],
            rects: Vec::new(),
            bytes: Vec::new(),
            at: 0,
            next: None,
        })
    }

    /// When the next frame comes, in microseconds since the first; `None` at the end of the clip.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn upcoming(&mut self) -> Result<Option<u64>, ClipError> {
        if self.next.is_none() {
            let mut first = [0; 1];
            match self.source.read(&mut first) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(_) => return Err(self.damaged("its compression")),
            }
            let mut rest = [0; 5];
            self.fill(&mut rest)?;
            let at = u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]);
            self.next = Some((u64::from(at), u16::from_le_bytes([rest[3], rest[4]]).into()));
        }
        Ok(self.next.map(|(at, _)| at))
    }

    /// Reads the next frame; `false` at the end of the clip.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn step(&mut self) -> Result<bool, ClipError> {
        self.upcoming()?;
        let Some((at, count)) = self.next.take() else { return Ok(false) };
        self.at = at;
        if count > MAX_RECTS {
            return Err(self.damaged("its number of rectangles"));
        }
        self.rects.clear();
        for _ in 0..count {
            let mut head = [0; 9];
            self.fill(&mut head)?;
            let number = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
            let rect = Rect { x: number(0), y: number(2), width: number(4), height: number(6) };
            if rect.is_empty() || !self.size.rect().contains(rect) {
                return Err(self.damaged("a rectangle"));
            }
            self.paint(rect, head[8] == 1)?;
            self.rects.push(rect);
        }
        Ok(true)
    }

    fn paint(&mut self, rect: Rect, is_film: bool) -> Result<(), ClipError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(rect.area() as usize * STORED, 0);
        self.fill(&mut bytes)?;
        let film = if is_film { restore(&bytes, rect.width as usize) } else { Vec::new() };
        let stored = if is_film { &film[..] } else { bytes.as_chunks::<STORED>().0 };
        for (y, row) in (rect.y..rect.bottom()).zip(stored.chunks_exact(rect.width as usize)) {
            let start = y as usize * self.size.width as usize + rect.x as usize;
            for (pixel, stored) in self.pixels[start..].iter_mut().zip(row) {
                *pixel = [stored[0], stored[1], stored[2], 255];
            }
        }
        self.bytes = bytes;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ClipError> {
        self.source.read_exact(bytes).map_err(|_| self.damaged("its end is missing"))
    }

    fn damaged(&self, what: &'static str) -> ClipError {
        ClipError::Damaged(self.path.clone(), what)
    }

    /// The picture after the last frame.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame { size: self.size, stride: self.size.width as usize * 4, pixels: self.pixels.as_flattened() }
    }

    /// The damage of the last frame, as the browser and the compositor reported it.
    #[must_use]
    pub fn damage(&self) -> &[Rect] {
        &self.rects
    }

    /// When the last frame came, in microseconds since the first.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 40, height: 30 };

    fn picture(seed: u32) -> Vec<u8> {
        (0..SIZE.area() as u32 * 4).map(|i| if i % 4 == 3 { 255 } else { (i / 40 * seed) as u8 }).collect()
    }

    fn frame(pixels: &[u8]) -> Frame<'_> {
        Frame { size: SIZE, stride: 160, pixels }
    }

    fn written(path: &Path) -> (Vec<u8>, Vec<u8>) {
        let (first, second) = (picture(3), picture(7));
        let patch = Rect { x: 5, y: 6, width: 20, height: 11 };
        let frames = [Taken::of(&frame(&first), vec![SIZE.rect()], 0), Taken::of(&frame(&second), vec![patch], 16_000)];
        write(path, SIZE, &frames).expect("it can be written");
        let mut after = first.clone();
        for y in 6..17 {
            after[y * 160 + 20..y * 160 + 100].copy_from_slice(&second[y * 160 + 20..y * 160 + 100]);
        }
        (first, after)
    }

    #[test]
    fn a_clip_plays_as_it_was_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clip");
        let (first, after) = written(&path);
        let mut player = Player::open(&path).expect("it is a clip");
        assert!(player.step().expect("a frame"));
        assert_eq!((player.frame().pixels, player.at()), (&first[..], 0));
        assert_eq!(player.upcoming().expect("a frame"), Some(16_000));
        assert_eq!(player.frame().pixels, &first[..], "looking ahead changes nothing");
        assert!(player.step().expect("a frame"));
        assert_eq!((player.frame().pixels, player.at()), (&after[..], 16_000));
        assert_eq!(player.damage(), [Rect { x: 5, y: 6, width: 20, height: 11 }]);
        assert!(!player.step().expect("the end"));
    }

    #[test]
    fn a_film_plays_as_it_was_taken_too() {
        let noise: Vec<u8> = (0..SIZE.area() as u32)
            .flat_map(|i| {
                let n = i.wrapping_mul(2_654_435_761) >> 8;
                [n as u8, (n >> 8) as u8, (n >> 16) as u8, 255]
            })
            .collect();
        assert!(looks_like_film(&Taken::of(&frame(&noise), vec![SIZE.rect()], 0).pixels, SIZE.width as usize));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clip");
        write(&path, SIZE, &[Taken::of(&frame(&noise), vec![SIZE.rect()], 0)]).expect("it can be written");
        let mut player = Player::open(&path).expect("it is a clip");
        assert!(player.step().expect("a frame"));
        assert_eq!(player.frame().pixels, &noise[..]);
    }

    #[test]
    fn a_clip_cut_short_is_said_to_be_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clip");
        written(&path);
        let bytes = std::fs::read(&path).expect("it was written");
        std::fs::write(&path, &bytes[..bytes.len() - 20]).expect("it can be written");
        let mut player = Player::open(&path).expect("its head is whole");
        let error = loop {
            match player.step() {
                Ok(true) => {}
                Ok(false) => panic!("half a clip was played to its end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ClipError::Damaged(..)), "{error}");
    }

    #[test]
    fn another_file_is_no_clip() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("text");
        std::fs::write(&path, "something else entirely").expect("it can be written");
        assert!(matches!(Player::open(&path), Err(ClipError::NoClip(_))));
    }
}
