//! openh264, behind the two traits of this room. The only file that names it, and the only one that calls C.
//!
//! The crate's safe API hides what a screen needs (layer QP with rate control off, no scene change detection), so this uses the
//! C interface. Settings that must never change back: camera mode (screen mode costs twice the time on motion), rate
//! control and frame skip off (both drop pictures), one slice (a second one pays only with a second idle core).

#![expect(unsafe_code, reason = "the library is C++ behind a C table of functions")]

use super::{Decode, Encode, Failed, Planes};
use openh264_sys2 as sys;
use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null_mut};
use sys::API as _;

/// Frames per second that the encoder is told. It only chooses the level, because rate control is off.
const FRAME_RATE: f32 = 60.0;

/// ITU-T H.273: BT.709 primaries and matrix, sRGB transfer, "unspecified" picture format.
const PRIMARIES_BT709: u8 = 1;
const TRANSFER_SRGB: u8 = 13;
const MATRIX_BT709: u8 = 1;
const FORMAT_UNSPECIFIED: u8 = 5;

/// An encoder for pictures of one size.
pub(super) struct Encoder {
    raw: NonNull<sys::ISVCEncoder>,
    parameters: Box<sys::SEncParamExt>,
    info: Box<sys::SFrameBSInfo>,
    ready: bool,
}

// SAFETY: the library keeps no thread-local state; the encoder has one owner, which may move between threads.
unsafe impl Send for Encoder {}

/// The function of this name in the object's table; an object without it is broken.
macro_rules! method {
    ($object:expr, $name:ident) => {
        // SAFETY: the object was made by the library and is not destroyed yet, so that its table is readable.
        unsafe { (**$object.as_ptr()).$name.ok_or(Failed)? }
    };
}

fn checked(result: impl PartialEq<i32>) -> Result<(), Failed> {
    if result == 0 { Ok(()) } else { Err(Failed) }
}

impl Encoder {
    /// An encoder for pictures of `width` x `height`, multiples of 16 within the library's limits.
    pub(super) fn new(width: u32, height: u32, qp: u8) -> Result<Self, Failed> {
        let mut pointer = null_mut();
        // SAFETY: the pointer to be filled lives through the call.
        checked(unsafe { sys::source::APILoader::new().WelsCreateSVCEncoder(&raw mut pointer) })?;
        let raw = NonNull::new(pointer).ok_or(Failed)?;
        let mut encoder = Self { raw, parameters: Box::default(), info: Box::default(), ready: false };
        let defaults = method!(raw, GetDefaultParams);
        // SAFETY: the structure is the one that the function fills.
        checked(unsafe { defaults(raw.as_ptr(), &raw mut *encoder.parameters) })?;
        encoder.configure(width as c_int, height as c_int, qp);
        let initialize = method!(raw, InitializeExt);
        // SAFETY: all fields were filled by GetDefaultParams and `configure`.
        checked(unsafe { initialize(raw.as_ptr(), &raw const *encoder.parameters) })?;
        encoder.ready = true;
        encoder.set(sys::ENCODER_OPTION_TRACE_LEVEL, sys::WELS_LOG_QUIET as c_int)?;
        encoder.set(sys::ENCODER_OPTION_DATAFORMAT, sys::videoFormatI420 as c_int)?;
        Ok(encoder)
    }

    fn configure(&mut self, width: c_int, height: c_int, qp: u8) {
        let p = &mut *self.parameters;
        p.iUsageType = sys::CAMERA_VIDEO_REAL_TIME;
        (p.iPicWidth, p.iPicHeight) = (width, height);
        p.fMaxFrameRate = FRAME_RATE;
        p.iRCMode = sys::RC_OFF_MODE;
        p.bEnableFrameSkip = false;
        p.iComplexityMode = sys::LOW_COMPLEXITY;
        p.uiIntraPeriod = 0;
        p.iTemporalLayerNum = 1;
        p.iSpatialLayerNum = 1;
        p.iMultipleThreadIdc = 1;
        p.eSpsPpsIdStrategy = sys::CONSTANT_ID;
        p.bEnableLongTermReference = false;
        p.bEnableDenoise = false;
        p.bEnableBackgroundDetection = false;
        p.bEnableAdaptiveQuant = false;
        p.bEnableSceneChangeDetect = false;
        p.iEntropyCodingModeFlag = 0;
        let layer = &mut p.sSpatialLayers[0];
        (layer.iVideoWidth, layer.iVideoHeight) = (width, height);
        layer.fFrameRate = FRAME_RATE;
        layer.iDLayerQp = c_int::from(qp);
        layer.uiProfileIdc = sys::PRO_BASELINE;
        layer.sSliceArgument.uiSliceMode = sys::SM_SINGLE_SLICE;
        layer.sSliceArgument.uiSliceNum = 1;
        layer.bVideoSignalTypePresent = true;
        layer.uiVideoFormat = FORMAT_UNSPECIFIED;
        layer.bFullRange = true;
        layer.bColorDescriptionPresent = true;
        layer.uiColorPrimaries = PRIMARIES_BT709;
        layer.uiTransferCharacteristics = TRANSFER_SRGB;
        layer.uiColorMatrix = MATRIX_BT709;
    }

    fn set(&mut self, option: sys::ENCODER_OPTION, mut value: c_int) -> Result<(), Failed> {
        let set = method!(self.raw, SetOption);
        // SAFETY: the options that are set this way take a pointer to an int and keep none.
        checked(unsafe { set(self.raw.as_ptr(), option, (&raw mut value).cast::<c_void>()) })
    }
}

impl Encode for Encoder {
    fn encode(&mut self, picture: &Planes, qp: u8, key: bool, out: &mut Vec<u8>) -> Result<(), Failed> {
        let (width, height) = (picture.width as c_int, picture.height as c_int);
        if (width, height) != (self.parameters.iPicWidth, self.parameters.iPicHeight) {
            return Err(Failed);
        }
        let layer = &mut self.parameters.sSpatialLayers[0];
        if layer.iDLayerQp != c_int::from(qp) {
            layer.iDLayerQp = c_int::from(qp);
            let set = method!(self.raw, SetOption);
            let parameters = (&raw mut *self.parameters).cast::<c_void>();
            // SAFETY: this option takes the same structure as InitializeExt and copies it. A change of the layer's QP alone
            // does not start the stream anew.
            checked(unsafe { set(self.raw.as_ptr(), sys::ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, parameters) })?;
        }
        if key {
            let force = method!(self.raw, ForceIntraFrame);
            // SAFETY: the encoder is initialized.
            checked(unsafe { force(self.raw.as_ptr(), true) })?;
        }
        let source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420 as c_int,
            iStride: [width, width / 2, width / 2, 0],
            pData: [
                picture.y.as_ptr().cast_mut(),
                picture.u.as_ptr().cast_mut(),
                picture.v.as_ptr().cast_mut(),
                null_mut(),
            ],
            iPicWidth: width,
            iPicHeight: height,
            ..Default::default()
        };
        let encode = method!(self.raw, EncodeFrame);
        // SAFETY: the planes have the sizes and strides given (see `Planes::new`), are only read, and outlive the call.
        checked(unsafe { encode(self.raw.as_ptr(), &raw const source, &raw mut *self.info) })?;
        if self.info.eFrameType == sys::videoFrameTypeSkip || self.info.eFrameType == sys::videoFrameTypeInvalid {
            return Err(Failed);
        }
        let layers = usize::try_from(self.info.iLayerNum).map_err(|_| Failed)?;
        for layer in self.info.sLayerInfo.iter().take(layers) {
            let units = usize::try_from(layer.iNalCount).map_err(|_| Failed)?;
            // SAFETY: until the next call the library keeps `iNalCount` lengths there, and as many bytes behind `pBsBuf` as they
            // add up to.
            let bytes = unsafe {
                let lengths = std::slice::from_raw_parts(layer.pNalLengthInByte, units);
                let total = lengths.iter().map(|n| usize::try_from(*n).unwrap_or(0)).sum();
                std::slice::from_raw_parts(layer.pBsBuf, total)
            };
            out.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the object is alive, and nothing uses it after this.
        unsafe {
            if let (true, Some(uninitialize)) = (self.ready, (**self.raw.as_ptr()).Uninitialize) {
                uninitialize(self.raw.as_ptr());
            }
            sys::source::APILoader::new().WelsDestroySVCEncoder(self.raw.as_ptr());
        }
    }
}

/// A decoder for one stream.
pub(super) struct Decoder {
    raw: NonNull<sys::ISVCDecoder>,
}

// SAFETY: the library keeps no thread-local state; the decoder has one owner, which may move between threads.
unsafe impl Send for Decoder {}

impl Decoder {
    pub(super) fn new() -> Result<Self, Failed> {
        let mut pointer = null_mut();
        // SAFETY: the pointer to be filled lives through the call.
        checked(unsafe { sys::source::APILoader::new().WelsCreateDecoder(&raw mut pointer) } as i32)?;
        let raw = NonNull::new(pointer).ok_or(Failed)?;
        let decoder = Self { raw };
        let parameters = sys::SDecodingParam {
            // A damaged picture is an error here, never something made up.
            eEcActiveIdc: sys::ERROR_CON_DISABLE,
            sVideoProperty: sys::SVideoProperty { eVideoBsType: sys::VIDEO_BITSTREAM_AVC, ..Default::default() },
            uiTargetDqLayer: u8::MAX,
            ..Default::default()
        };
        let initialize = method!(raw, Initialize);
        // SAFETY: all fields are filled; the structure is copied.
        checked(unsafe { initialize(raw.as_ptr(), &raw const parameters) } as i32)?;
        let mut level = sys::WELS_LOG_QUIET as c_int;
        let set = method!(raw, SetOption);
        // SAFETY: this option takes a pointer to an int and keeps none.
        checked(unsafe { set(raw.as_ptr(), sys::DECODER_OPTION_TRACE_LEVEL, (&raw mut level).cast()) } as i32)?;
        Ok(decoder)
    }
}

impl Decode for Decoder {
    fn decode(&mut self, unit: &[u8], picture: &mut Planes) -> Result<(), Failed> {
        let mut planes = [null_mut::<u8>(); 3];
        let mut info = sys::SBufferInfo::default();
        let length = c_int::try_from(unit.len()).map_err(|_| Failed)?;
        let decode = method!(self.raw, DecodeFrameNoDelay);
        // SAFETY: the unit is read for the call only; the other two are filled by it.
        let state =
            unsafe { decode(self.raw.as_ptr(), unit.as_ptr(), length, planes.as_mut_ptr().cast(), &raw mut info) };
        if state != sys::dsErrorFree || info.iBufferStatus != 1 || planes.iter().any(|p| p.is_null()) {
            return Err(Failed);
        }
        // SAFETY: with buffer status 1 the library has filled this member of the union.
        let buffer = unsafe { info.UsrData.sSystemBuffer };
        if (buffer.iWidth, buffer.iHeight) != (picture.width as c_int, picture.height as c_int) {
            return Err(Failed);
        }
        let parts = [
            (planes[0], buffer.iStride[0], picture.width, &mut picture.y),
            (planes[1], buffer.iStride[1], picture.width / 2, &mut picture.u),
            (planes[2], buffer.iStride[1], picture.width / 2, &mut picture.v),
        ];
        for (from, stride, width, to) in parts {
            let (stride, width) = (usize::try_from(stride).map_err(|_| Failed)?, width as usize);
            if stride < width {
                return Err(Failed);
            }
            for (y, row) in to.chunks_exact_mut(width).enumerate() {
                // SAFETY: the library's plane has as many rows of `stride` bytes as the picture it reported, which has the
                // size that was compared above; it stays until the next call.
                row.copy_from_slice(unsafe { std::slice::from_raw_parts(from.add(y * stride), width) });
            }
        }
        Ok(())
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the object is alive, and nothing uses it after this.
        unsafe {
            if let Some(uninitialize) = (**self.raw.as_ptr()).Uninitialize {
                uninitialize(self.raw.as_ptr());
            }
            sys::source::APILoader::new().WelsDestroyDecoder(self.raw.as_ptr());
        }
    }
}
