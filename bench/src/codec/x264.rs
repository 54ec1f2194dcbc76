//! x264 by its C interface, if its library is installed. Not part of the product, which never loads it.
//!
//! The library's own name for opening an encoder carries its interface's number, so that the few offsets used here are
//! those of the library that is there, or it is not used. Must never outlive the library, which each encoder keeps.

#![expect(unsafe_code, reason = "a C library that is found at run time")]

use std::ffi::{CStr, c_char, c_int, c_void};

use libloading::{Library, Symbol};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource as _;
use shoji_codec::{Frame, Rect, Size, Time};

use super::contender::{Coded, Contender, Planes, show};

/// The library's file and its function for opening an encoder, both with the interface's number.
const LIBRARY: &str = "libx264.so.164";
const OPEN: &[u8] = b"x264_encoder_open_164\0";

/// More than the library's structures have; they are only touched at the offsets below.
const PARAMETERS_BYTES: usize = 8_192;
const PICTURE_BYTES: usize = 2_048;

/// `x264_param_t`: i_width, i_height, i_csp. `X264_CSP_I420` is 2.
const WIDTH: usize = 28;
const HEIGHT: usize = 32;
const COLOURS: usize = 36;
const I420: c_int = 2;

/// `x264_picture_t`: i_pts; img.i_csp, img.i_plane, img.i_stride, img.plane.
const PTS: usize = 16;
const IMAGE_COLOURS: usize = 40;
const IMAGE_PLANES: usize = 44;
const IMAGE_STRIDES: usize = 48;
const IMAGE_POINTERS: usize = 64;

/// `x264_nal_t`: p_payload.
const PAYLOAD: usize = 24;

#[repr(C, align(16))]
struct Block<const N: usize>([u8; N]);

impl<const N: usize> Block<N> {
    fn put<const M: usize>(&mut self, at: usize, bytes: [u8; M]) {
        self.0[at..at + M].copy_from_slice(&bytes);
    }
}

type Open = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type Preset = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> c_int;
type Parse = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> c_int;
type Init = unsafe extern "C" fn(*mut c_void);
type Encode = unsafe extern "C" fn(*mut c_void, *mut *const u8, *mut c_int, *mut c_void, *mut c_void) -> c_int;
type Close = unsafe extern "C" fn(*mut c_void);

/// The whole screen by x264, ultrafast and zerolatency, one thread, 4:2:0.
pub struct X264 {
    name: String,
    size: Size,
    planes: Planes,
    handle: *mut c_void,
    library: Library,
    pictures: i64,
    decoder: Decoder,
    picture: Vec<u8>,
}

impl X264 {
    /// An encoder of constant quality, or `None` if the library is not installed.
    ///
    /// # Errors
    /// If the library is there and does not work.
    pub fn new(size: Size, quality: u8) -> anyhow::Result<Option<Self>> {
        // SAFETY: loading runs the library's initialization, which has none but its loader's.
        let Ok(library) = (unsafe { Library::new(LIBRARY) }) else { return Ok(None) };
        let mut parameters = Box::new(Block([0u8; PARAMETERS_BYTES]));
        let at = (&raw mut *parameters).cast::<c_void>();
        let quality_text = std::ffi::CString::new(quality.to_string())?;
        let options: [(&CStr, &CStr); 7] = [
            // It would write about itself among the run's progress.
            (c"log", c"-1"),
            (c"crf", &quality_text),
            (c"threads", c"1"),
            (c"keyint", c"infinite"),
            (c"fullrange", c"on"),
            (c"colormatrix", c"bt709"),
            (c"fps", c"60"),
        ];
        // SAFETY: the functions have these types in interface 164 (the name of OPEN is that number's); the structure is larger
        // than theirs, lives through the calls and is copied by the last one.
        let handle = unsafe {
            let preset: Symbol<'_, Preset> = library.get(b"x264_param_default_preset\0")?;
            let parse: Symbol<'_, Parse> = library.get(b"x264_param_parse\0")?;
            let open: Symbol<'_, Open> = library.get(OPEN)?;
            anyhow::ensure!(preset(at, c"ultrafast".as_ptr(), c"zerolatency".as_ptr()) == 0, "x264 has no such preset");
            for (name, value) in options {
                let is_known = parse(at, name.as_ptr(), value.as_ptr()) == 0;
                anyhow::ensure!(is_known, "x264 does not know the option {name:?}");
            }
            parameters.put(WIDTH, (size.width as c_int).to_ne_bytes());
            parameters.put(HEIGHT, (size.height as c_int).to_ne_bytes());
            parameters.put(COLOURS, I420.to_ne_bytes());
            open((&raw mut *parameters).cast())
        };
        anyhow::ensure!(!handle.is_null(), "x264 cannot be set up for {}x{}", size.width, size.height);
        Ok(Some(Self {
            name: format!("x264 ultrafast CRF{quality}"),
            size,
            planes: Planes::new(size),
            handle,
            library,
            pictures: 0,
            decoder: Decoder::new()?,
            picture: vec![0; size.area() as usize * 4],
        }))
    }
}

impl Contender for X264 {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&mut self, frame: &Frame<'_>, _: &[Rect], _: Time, out: &mut Coded) -> anyhow::Result<()> {
        self.planes.take(frame)?;
        let mut source = Box::new(Block([0u8; PICTURE_BYTES]));
        let mut result = Box::new(Block([0u8; PICTURE_BYTES]));
        let (mut units, mut count): (*const u8, c_int) = (std::ptr::null(), 0);
        let image = &self.planes.0;
        let pointers =
            [image.y_plane.borrow().as_ptr(), image.u_plane.borrow().as_ptr(), image.v_plane.borrow().as_ptr()];
        let width = self.size.width as c_int;
        // SAFETY: types and offsets as above; planes and structures live through the calls; the encoder is open.
        let length = unsafe {
            let init: Symbol<'_, Init> = self.library.get(b"x264_picture_init\0")?;
            let encode: Symbol<'_, Encode> = self.library.get(b"x264_encoder_encode\0")?;
            init((&raw mut *source).cast());
            source.put(PTS, self.pictures.to_ne_bytes());
            source.put(IMAGE_COLOURS, I420.to_ne_bytes());
            source.put(IMAGE_PLANES, 3i32.to_ne_bytes());
            for (plane, (stride, pointer)) in [width, width / 2, width / 2].into_iter().zip(pointers).enumerate() {
                source.put(IMAGE_STRIDES + plane * 4, stride.to_ne_bytes());
                source.put(IMAGE_POINTERS + plane * 8, (pointer as usize).to_ne_bytes());
            }
            encode(self.handle, &raw mut units, &raw mut count, (&raw mut *source).cast(), (&raw mut *result).cast())
        };
        self.pictures += 1;
        let length = usize::try_from(length).map_err(|_| anyhow::anyhow!("x264 failed"))?;
        if length > 0 && !units.is_null() && count > 0 {
            // SAFETY: the library keeps `count` units there until the next call; their payloads, `length` bytes together, lie one
            // after the other from the first one's pointer on.
            out.bytes.extend_from_slice(unsafe {
                let payload = units.add(PAYLOAD).cast::<*const u8>().read_unaligned();
                std::slice::from_raw_parts(payload, length)
            });
        }
        out.end_part();
        Ok(())
    }

    fn decode(&mut self, coded: &Coded) -> anyhow::Result<()> {
        for part in coded.parts().filter(|part| !part.is_empty()) {
            if let Some(picture) = self.decoder.decode(part)? {
                show((picture.y(), picture.u(), picture.v()), picture.strides(), self.size, &mut self.picture)?;
            }
        }
        Ok(())
    }

    fn picture(&self) -> &[u8] {
        &self.picture
    }
}

impl Drop for X264 {
    fn drop(&mut self) {
        // SAFETY: the encoder is open and not used after this; the library is unloaded after this.
        unsafe {
            if let Ok(close) = self.library.get::<Close>(b"x264_encoder_close\0") {
                close(self.handle);
            }
        }
    }
}
