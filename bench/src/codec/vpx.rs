//! libvpx's VP9 by its C interface, if its library is installed. Not part of the product, which never loads it.
//!
//! Both ends are opened with the interface's numbers, which the library compares with its own, and only its version 1.12 is
//! used at all, so that the structures declared here are those of the library that is there. Must never outlive the library,
//! which each codec keeps.

#![expect(unsafe_code, reason = "a C library that is found at run time")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::ptr::{null, null_mut};

use anyhow::Context as _;
use libloading::Library;
use shoji_codec::{Frame, Rect, Size, Time};

use super::contender::{Coded, Contender, Planes, show};

/// The library's file.
const LIBRARY: &str = "libvpx.so.7";
/// Major and minor number of its version, as it packs them.
const VERSION: c_int = 0x01_0c;

/// `VPX_ENCODER_ABI_VERSION` and `VPX_DECODER_ABI_VERSION` of that version.
const ENCODER_INTERFACE: c_int = 25;
const DECODER_INTERFACE: c_int = 12;

/// `vpx_rc_mode`, `vpx_kf_mode`, `vpx_img_fmt`, `vpx_color_space`, `vpx_color_range`.
const CONSTANT_RATE: c_int = 1;
const NO_KEY_FRAMES: c_int = 0;
const I420: c_int = 0x102;
const BT709: c_int = 2;
const FULL_RANGE: c_int = 1;

/// What `vpx_codec_control_` sets, and the content that stands for screens.
const SET_SPEED: c_int = 13;
const SET_CONTENT: c_int = 43;
const SET_COLOURS: c_int = 46;
const SET_RANGE: c_int = 51;
const SCREEN: c_int = 1;

/// The fastest of the speeds made for real time.
const FASTEST: c_int = 9;
/// `VPX_DL_REALTIME`.
const REAL_TIME: c_ulong = 1;
/// A rate that never holds the encoder back, kilobits per second.
const NO_LIMIT: c_uint = 250_000;
/// More pictures than a clip has: only its first one is a key frame.
const NEVER: c_uint = 10_000;

/// `VPX_CODEC_CX_FRAME_PKT`.
const CODED_FRAME: c_int = 0;

/// `vpx_codec_ctx_t`, whose fields are the library's own.
#[repr(C)]
struct Context([usize; 7]);

/// `vpx_codec_enc_cfg_t`, with names for what is set here.
#[repr(C)]
struct Configuration {
    usage: c_uint,
    threads: c_uint,
    profile: c_uint,
    width: c_uint,
    height: c_uint,
    depths: [c_uint; 2],
    time_base: [c_int; 2],
    resilience: u32,
    pass: c_int,
    lag: c_uint,
    drop_threshold: c_uint,
    resizes: c_uint,
    scaling: [c_uint; 4],
    rate_control: c_int,
    statistics: [usize; 4],
    rate: c_uint,
    finest: c_uint,
    coarsest: c_uint,
    rate_details: [c_uint; 9],
    key_mode: c_int,
    key_distances: [c_uint; 2],
    rest: [c_uint; 83],
}

/// `vpx_codec_dec_cfg_t`.
#[repr(C)]
struct DecoderConfiguration {
    threads: c_uint,
    width: c_uint,
    height: c_uint,
}

/// `vpx_image_t`.
#[repr(C)]
struct Image {
    format: c_int,
    colours: c_int,
    range: c_int,
    stored: [c_uint; 2],
    depth: c_uint,
    shown: [c_uint; 2],
    intended: [c_uint; 2],
    chroma_shifts: [c_uint; 2],
    planes: [*const u8; 4],
    strides: [c_int; 4],
    bits: c_int,
    user: *mut c_void,
    memory: *mut u8,
    ownership: [c_int; 2],
    buffer: *mut c_void,
}

/// `vpx_codec_cx_pkt_t` as it is for a coded frame.
#[repr(C)]
struct Packet {
    kind: c_int,
    bytes: *const u8,
    length: usize,
    rest: [u64; 14],
}

type Version = unsafe extern "C" fn() -> c_int;
type Interface = unsafe extern "C" fn() -> *const c_void;
type Defaults = unsafe extern "C" fn(*const c_void, *mut Configuration, c_uint) -> c_int;
type OpenEncoder = unsafe extern "C" fn(*mut Context, *const c_void, *const Configuration, c_long, c_int) -> c_int;
type OpenDecoder =
    unsafe extern "C" fn(*mut Context, *const c_void, *const DecoderConfiguration, c_long, c_int) -> c_int;
type Control = unsafe extern "C" fn(*mut Context, c_int, ...) -> c_int;
type Encode = unsafe extern "C" fn(*mut Context, *const Image, i64, c_ulong, c_long, c_ulong) -> c_int;
type NextPacket = unsafe extern "C" fn(*mut Context, *mut *const c_void) -> *const Packet;
type Decode = unsafe extern "C" fn(*mut Context, *const u8, c_uint, *mut c_void, c_long) -> c_int;
type NextImage = unsafe extern "C" fn(*mut Context, *mut *const c_void) -> *const Image;
type Explain = unsafe extern "C" fn(c_int) -> *const c_char;
type Close = unsafe extern "C" fn(*mut Context) -> c_int;

/// The functions that a running codec needs, and the library that they are in.
struct Functions {
    encode: Encode,
    next_packet: NextPacket,
    decode: Decode,
    next_image: NextImage,
    explain: Explain,
    close: Close,
    library: Library,
}

impl Functions {
    /// The library, or `None` if it is not installed or of another version.
    fn find() -> anyhow::Result<Option<Self>> {
        // SAFETY: loading runs the library's initialization, which has none but its loader's.
        let Ok(library) = (unsafe { Library::new(LIBRARY) }) else { return Ok(None) };
        // SAFETY: the functions have these types in version 1.12; the first one, which says whether it is that, in every version.
        // They are copied out of their symbols and kept together with the library.
        unsafe {
            if library.get::<Version>(b"vpx_codec_version\0")?() >> 8 != VERSION {
                return Ok(None);
            }
            Ok(Some(Self {
                encode: *library.get::<Encode>(b"vpx_codec_encode\0")?,
                next_packet: *library.get::<NextPacket>(b"vpx_codec_get_cx_data\0")?,
                decode: *library.get::<Decode>(b"vpx_codec_decode\0")?,
                next_image: *library.get::<NextImage>(b"vpx_codec_get_frame\0")?,
                explain: *library.get::<Explain>(b"vpx_codec_err_to_string\0")?,
                close: *library.get::<Close>(b"vpx_codec_destroy\0")?,
                library,
            }))
        }
    }

    /// Makes an error of what a function of the library answered, if it is one.
    fn check(&self, answer: c_int) -> anyhow::Result<()> {
        if answer == 0 {
            return Ok(());
        }
        // SAFETY: the library has a constant text for every number.
        let why = unsafe { CStr::from_ptr((self.explain)(answer)) };
        anyhow::bail!("libvpx failed: {}", why.to_string_lossy())
    }

    /// Opens an encoder in `context`.
    fn open_encoder(&self, context: &mut Context, size: Size, quantizer: u8) -> anyhow::Result<()> {
        let mut configuration = Box::<Configuration>::new_uninit();
        // SAFETY: the functions have these types in version 1.12. The library fills the configuration before it is read and copies
        // it when it opens. The numbers that are set take a C `int` or `unsigned int` each.
        unsafe {
            let interface = self.library.get::<Interface>(b"vpx_codec_vp9_cx\0")?();
            let defaults = self.library.get::<Defaults>(b"vpx_codec_enc_config_default\0")?;
            let open = self.library.get::<OpenEncoder>(b"vpx_codec_enc_init_ver\0")?;
            let control = self.library.get::<Control>(b"vpx_codec_control_\0")?;
            self.check(defaults(interface, configuration.as_mut_ptr(), 0))?;
            let mut configuration = configuration.assume_init();
            configuration.threads = 1;
            (configuration.width, configuration.height) = (size.width, size.height);
            configuration.time_base = [1, 60];
            configuration.resilience = 0;
            configuration.lag = 0;
            configuration.drop_threshold = 0;
            configuration.resizes = 0;
            // With one quantizer to choose from it gives constant quality. The mode that is named for that (`VPX_Q`) took a tenth
            // more time on the scroll and on the animation, for 7 % fewer bytes at best and no better picture.
            configuration.rate_control = CONSTANT_RATE;
            configuration.rate = NO_LIMIT;
            (configuration.finest, configuration.coarsest) = (quantizer.into(), quantizer.into());
            configuration.key_mode = NO_KEY_FRAMES;
            configuration.key_distances = [0, NEVER];
            self.check(open(context, interface, &raw const *configuration, 0, ENCODER_INTERFACE))?;
            let values = [(SET_SPEED, FASTEST), (SET_CONTENT, SCREEN), (SET_COLOURS, BT709), (SET_RANGE, FULL_RANGE)];
            for (what, value) in values {
                self.check(control(context, what, value))?;
            }
        }
        Ok(())
    }

    /// Opens a decoder in `context`.
    fn open_decoder(&self, context: &mut Context, size: Size) -> anyhow::Result<()> {
        let configuration = DecoderConfiguration { threads: 1, width: size.width, height: size.height };
        // SAFETY: the functions have these types in version 1.12; the library copies the configuration.
        unsafe {
            let interface = self.library.get::<Interface>(b"vpx_codec_vp9_dx\0")?();
            let open = self.library.get::<OpenDecoder>(b"vpx_codec_dec_init_ver\0")?;
            self.check(open(context, interface, &raw const configuration, 0, DECODER_INTERFACE))
        }
    }
}

/// The whole screen by libvpx as VP9 in 4:2:0, one thread, made for real time and for screens, decoded by libvpx as well.
pub struct Vpx {
    name: String,
    size: Size,
    planes: Planes,
    functions: Functions,
    /// All zero until it is open, which is as the library wants a context that it closes.
    encoder: Box<Context>,
    decoder: Box<Context>,
    pictures: i64,
    picture: Vec<u8>,
}

impl Vpx {
    /// Both ends at one quantizer (0 to 63), or `None` if the library is not installed.
    ///
    /// # Errors
    /// If the library is there and does not work.
    pub fn new(size: Size, quantizer: u8) -> anyhow::Result<Option<Self>> {
        let Some(functions) = Functions::find()? else { return Ok(None) };
        let mut made = Self {
            name: format!("libvpx VP9 Q{quantizer}"),
            size,
            planes: Planes::new(size),
            functions,
            encoder: Box::new(Context([0; 7])),
            decoder: Box::new(Context([0; 7])),
            pictures: 0,
            picture: vec![0; size.area() as usize * 4],
        };
        let set_up = || format!("libvpx cannot be set up for {}x{}", size.width, size.height);
        made.functions.open_encoder(&mut made.encoder, size, quantizer).with_context(set_up)?;
        made.functions.open_decoder(&mut made.decoder, size).with_context(set_up)?;
        Ok(Some(made))
    }
}

impl Contender for Vpx {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&mut self, frame: &Frame<'_>, _: &[Rect], _: Time, out: &mut Coded) -> anyhow::Result<()> {
        self.planes.take(frame)?;
        let planes = &self.planes.0;
        let (y, u, v) = (planes.y_plane.borrow(), planes.u_plane.borrow(), planes.v_plane.borrow());
        let sides = [self.size.width, self.size.height];
        let width = self.size.width as c_int;
        let image = Image {
            format: I420,
            colours: BT709,
            range: FULL_RANGE,
            stored: sides,
            depth: 8,
            shown: sides,
            intended: sides,
            chroma_shifts: [1, 1],
            planes: [y.as_ptr(), u.as_ptr(), v.as_ptr(), null()],
            strides: [width, width / 2, width / 2, 0],
            bits: 12,
            user: null_mut(),
            memory: null_mut(),
            ownership: [0, 0],
            buffer: null_mut(),
        };
        // SAFETY: the encoder is open; image and planes live through the call, and the library copies them.
        let answer = unsafe { (self.functions.encode)(&mut *self.encoder, &image, self.pictures, 1, 0, REAL_TIME) };
        self.functions.check(answer)?;
        self.pictures += 1;
        let mut position = null();
        // SAFETY: the encoder is open; a packet and its bytes are the library's until the next call that encodes.
        while let Some(packet) = unsafe { (self.functions.next_packet)(&mut *self.encoder, &mut position).as_ref() } {
            if packet.kind == CODED_FRAME && !packet.bytes.is_null() {
                // SAFETY: as above; the library says how many bytes there are.
                out.bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(packet.bytes, packet.length) });
                out.end_part();
            }
        }
        Ok(())
    }

    fn decode(&mut self, coded: &Coded) -> anyhow::Result<()> {
        for part in coded.parts().filter(|part| !part.is_empty()) {
            let length = c_uint::try_from(part.len())?;
            // SAFETY: the decoder is open; the bytes live through the call, after which they are no longer used.
            let answer = unsafe { (self.functions.decode)(&mut *self.decoder, part.as_ptr(), length, null_mut(), 0) };
            self.functions.check(answer)?;
            let mut position = null();
            // SAFETY: the decoder is open; an image and its planes are the library's until the next call that decodes.
            while let Some(image) = unsafe { (self.functions.next_image)(&mut *self.decoder, &mut position).as_ref() } {
                let sides = [self.size.width, self.size.height];
                anyhow::ensure!(image.format == I420 && image.shown == sides, "libvpx decoded another kind of picture");
                let [y, u, v, _] = image.strides.map(|stride| usize::try_from(stride).unwrap_or(0));
                let lines = self.size.height as usize;
                anyhow::ensure!(
                    y >= self.size.width as usize && u >= y / 4 && u == v && !image.planes[..3].contains(&null()),
                    "libvpx decoded a picture that has no planes"
                );
                // SAFETY: as above; a plane of 4:2:0 has this many lines of this stride, because the library's planes have borders.
                let (luma, blue, red) = unsafe {
                    let plane = |n: usize, length| std::slice::from_raw_parts(image.planes[n], length);
                    (plane(0, y * lines), plane(1, u * lines.div_ceil(2)), plane(2, v * lines.div_ceil(2)))
                };
                show((luma, blue, red), (y, u, v), self.size, &mut self.picture)?;
            }
        }
        Ok(())
    }

    fn picture(&self) -> &[u8] {
        &self.picture
    }
}

impl Drop for Vpx {
    fn drop(&mut self) {
        // SAFETY: a context is open or all zero, which the library refuses; neither is used after this, and the library is
        // unloaded after this.
        unsafe {
            (self.functions.close)(&mut *self.encoder);
            (self.functions.close)(&mut *self.decoder);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_structures_lie_as_in_the_headers_of_version_1_12() {
        let sizes = [size_of::<Context>(), size_of::<Configuration>(), size_of::<DecoderConfiguration>()];
        assert_eq!(sizes, [56, 504, 12]);
        assert_eq!([size_of::<Image>(), size_of::<Packet>()], [136, 136]);
        let configuration = [
            offset_of!(Configuration, time_base),
            offset_of!(Configuration, lag),
            offset_of!(Configuration, rate_control),
            offset_of!(Configuration, rate),
            offset_of!(Configuration, finest),
            offset_of!(Configuration, key_mode),
            offset_of!(Configuration, rest),
        ];
        assert_eq!(configuration, [28, 44, 72, 112, 116, 160, 172]);
        let image = [
            offset_of!(Image, shown),
            offset_of!(Image, planes),
            offset_of!(Image, strides),
            offset_of!(Image, bits),
            offset_of!(Image, buffer),
        ];
        assert_eq!(image, [24, 48, 80, 96, 128]);
        assert_eq!([offset_of!(Packet, bytes), offset_of!(Packet, length)], [8, 16]);
    }

    #[test]
    fn a_picture_comes_back_nearly_as_it_was_and_a_change_shows() {
        let size = Size { width: 64, height: 48 };
        let Some(mut vpx) = Vpx::new(size, 20).expect("the library works") else {
            eprintln!("skipped: libvpx 1.12 is not installed (Debian: libvpx7)");
            return;
        };
        let mut coded = Coded::default();
        for shift in 0..3 {
            let grey = |i: u32| (i % 64 * 2 + i / 64 * 2 + shift * 20) as u8;
            let pixels: Vec<u8> = (0..64 * 48).flat_map(|i| [grey(i), grey(i), grey(i), 255]).collect();
            coded.clear();
            let frame = Frame { size, stride: 256, pixels: &pixels };
            vpx.encode(&frame, &[size.rect()], Time(0), &mut coded).expect("it encodes");
            assert!(!coded.bytes.is_empty());
            vpx.decode(&coded).expect("it decodes");
            let far = pixels.iter().zip(vpx.picture()).filter(|(a, b)| a.abs_diff(**b) > 12).count();
            assert_eq!(far, 0, "picture {shift}");
        }
    }
}
