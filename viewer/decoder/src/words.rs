//! What viewer and decoder process say to each other.
//!
//! Owns the bytes, both ways. Never crosses the boundary; but the process may have been taken over, so its answers are checked
//! like a stranger's.

use std::io::{self, Read, Write};

use shoji_codec::{DecodeError, Move, Rect, Size};

/// Most bytes of a payload: what the protocol lets through in one message.
pub(super) const MAX_PAYLOAD: usize = shoji_protocol::limits::MAX_UPDATE;

/// Most rectangles of an answer: what the codec reports.
pub(super) const MAX_RECTS: usize = 256;

/// Most moves of an answer: what the codec reports.
pub(super) const MAX_MOVES: usize = 256;

/// How many times its own area an update may move a canvas: as often as the codec's decoder would.
const MOVES_OF_CANVAS: u64 = 5;

/// Bytes before a payload: its length, the canvas's width and height.
pub(super) const HEAD: usize = 12;

/// The updates' errors by number. A number that is not in it is garbage.
const ERRORS: [DecodeError; 6] = [
    DecodeError::NeedsComplete,
    DecodeError::SizeMismatch,
    DecodeError::Truncated,
    DecodeError::OutsideCanvas,
    DecodeError::BadTile,
    DecodeError::BadKind,
];

/// Bytes before an answer's rectangles: what became of the update, and how many rectangles follow.
const ANSWER_HEAD: usize = 8;

/// The first number of an answer to an update that was applied.
const APPLIED: u32 = 0;

/// Appends a request.
pub(super) fn request(payload: &[u8], size: Size, out: &mut Vec<u8>) {
    for number in [u32::try_from(payload.len()).unwrap_or(u32::MAX), size.width, size.height] {
        out.extend(number.to_le_bytes());
    }
    out.extend_from_slice(payload);
}

/// The numbers of a request's first bytes: length and size.
pub(super) fn request_head(head: [u8; HEAD]) -> io::Result<(usize, Size)> {
    let [length, width, height] = numbers(&head);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_PAYLOAD {
        return Err(garbage());
    }
    Ok((length, Size { width, height }))
}

/// Writes the moves of an update that is being decoded, so that both sides move at the same time.
pub(super) fn moves(moves: &[Move], bytes: &mut Vec<u8>, mut to: impl Write) -> io::Result<()> {
    bytes.clear();
    bytes.extend(u32::try_from(moves.len()).unwrap_or(u32::MAX).to_le_bytes());
    for Move { to, dx, dy } in moves {
        for number in [to.x, to.y, to.width, to.height, dx.cast_unsigned(), dy.cast_unsigned()] {
            bytes.extend(number.to_le_bytes());
        }
    }
    to.write_all(bytes)
}

/// Reads the moves of an update for a canvas of this size.
pub(super) fn read_moves(mut from: impl Read, size: Size, moves: &mut Vec<Move>) -> io::Result<()> {
    let mut count = [0; 4];
    from.read_exact(&mut count)?;
    let count = usize::try_from(u32::from_le_bytes(count)).unwrap_or(usize::MAX);
    if count > MAX_MOVES {
        return Err(garbage());
    }
    moves.clear();
    let mut area = 0;
    for _ in 0..count {
        let mut bytes = [0; 24];
        from.read_exact(&mut bytes)?;
        let [x, y, width, height, dx, dy] = numbers(&bytes);
        let inside = |at: u32, by: u32, most: u32| at.checked_add(by).is_some_and(|end| end <= most);
        let to = Rect { x, y, width, height };
        let next = Move { to, dx: dx.cast_signed(), dy: dy.cast_signed() };
        if !inside(x, width, size.width) || !inside(y, height, size.height) || !next.is_inside(size) {
            return Err(garbage());
        }
        area += to.area();
        moves.push(next);
    }
    if area > size.area() * MOVES_OF_CANVAS { Err(garbage()) } else { Ok(()) }
}

/// Writes an answer.
pub(super) fn answer(result: Result<&[Rect], DecodeError>, bytes: &mut Vec<u8>, mut to: impl Write) -> io::Result<()> {
    let (word, rects) = match result {
        Ok(rects) => (APPLIED, rects),
        Err(error) => {
            // What has no number of its own says that a rule of the format was broken.
            let at = ERRORS.iter().position(|known| *known == error).unwrap_or(ERRORS.len() - 1);
            (1 + u32::try_from(at).unwrap_or(0), [].as_slice())
        }
    };
    bytes.clear();
    bytes.extend(word.to_le_bytes());
    bytes.extend(u32::try_from(rects.len()).unwrap_or(u32::MAX).to_le_bytes());
    for rect in rects {
        for number in [rect.x, rect.y, rect.width, rect.height] {
            bytes.extend(number.to_le_bytes());
        }
    }
    to.write_all(bytes)
}

/// Reads an answer for a canvas of this size; `anew`: the canvas is a new one, and all of it changed.
pub(super) fn read_answer(
    mut from: impl Read,
    size: Size,
    anew: bool,
    rects: &mut Vec<Rect>,
) -> io::Result<Result<(), DecodeError>> {
    let mut head = [0; ANSWER_HEAD];
    from.read_exact(&mut head)?;
    let [word, count] = numbers(&head);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if word != APPLIED {
        let error = usize::try_from(word - 1).ok().and_then(|at| ERRORS.get(at)).ok_or_else(garbage)?;
        return if count == 0 { Ok(Err(*error)) } else { Err(garbage()) };
    }
    if count > MAX_RECTS {
        return Err(garbage());
    }
    rects.clear();
    let mut area = 0;
    for _ in 0..count {
        let mut bytes = [0; 16];
        from.read_exact(&mut bytes)?;
        let [x, y, width, height] = numbers(&bytes);
        let fits = |at: u32, by: u32, most: u32| by > 0 && at.checked_add(by).is_some_and(|end| end <= most);
        if !fits(x, width, size.width) || !fits(y, height, size.height) {
            return Err(garbage());
        }
        let rect = Rect { x, y, width, height };
        area += rect.area();
        rects.push(rect);
    }
    if area > size.area() || anew && *rects != [size.rect()] {
        return Err(garbage());
    }
    Ok(Ok(()))
}

fn numbers<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}

fn garbage() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the decoder's answer makes no sense")
}
