//! Sizes and positions, always in physical pixels of a canvas. A size that exists is a legal size.
//!
//! ```
//! use shoji_protocol::{Rate, Scale, Size, Viewport};
//! let size = Size::new(1920, 1080)?;
//! let viewport = Viewport::new(size, Scale::ONE, Rate::HZ_60)?;
//! assert_eq!(viewport.size(), size);
//! assert!(Viewport::new(Size::new(100, 100)?, Scale::ONE, Rate::HZ_60).is_err());
//! # Ok::<(), shoji_protocol::OutOfRange>(())
//! ```

use crate::{Fixed, OutOfRange, Rate, Scale, limits, wire};

wire! { both
    /// A width of a canvas.
    pub number Width(u16) in (1, limits::MAX_WIDTH), "physical pixel";
}
wire! { both
    /// A height of a canvas.
    pub number Height(u16) in (1, limits::MAX_HEIGHT), "physical pixel";
}
wire! { to_host
    /// A width of a browser window.
    pub number WindowWidth(u16) in (limits::MIN_WINDOW_WIDTH, limits::MAX_WIDTH), "physical pixel";
}
wire! { to_host
    /// A height of a browser window.
    pub number WindowHeight(u16) in (limits::MIN_WINDOW_HEIGHT, limits::MAX_HEIGHT), "physical pixel";
}
wire! { to_viewer
    /// A side of a cursor picture.
    pub number CursorSide(u8) in (1, limits::MAX_CURSOR), "physical pixel";
}
wire! { to_viewer
    /// A place in a cursor picture.
    pub number CursorPlace(u8) in (0, limits::MAX_CURSOR - 1), "physical pixel";
}
wire! { both
    /// The size of a canvas.
    pub struct Size {
        /// From left to right.
        width: Width,
        /// From top to bottom.
        height: Height,
    }
}
wire! { to_host
    /// What the viewer shows a browser window in.
    pub struct Viewport {
        /// From left to right.
        width: WindowWidth,
        /// From top to bottom.
        height: WindowHeight,
        /// How large things are drawn.
        scale: Scale,
        /// How often the screen shows a new picture.
        refresh: Rate,
    }
}
wire! { to_host
    /// A place on a canvas; may lie outside it while a button is held.
    pub struct Position {
        /// From the left edge.
        pub x: Fixed,
        /// From the top edge.
        pub y: Fixed,
    }
}
wire! { to_viewer
    /// A place or length on a canvas.
    pub number CaretPlace(u16) in (0, limits::MAX_WIDTH), "physical pixel";
}
wire! { to_viewer
    /// The caret of a text field on a canvas; may have no width.
    pub struct CaretArea {
        /// From the canvas's left edge.
        pub x: CaretPlace,
        /// From the canvas's top edge.
        pub y: CaretPlace,
        /// From left to right.
        pub width: CaretPlace,
        /// From top to bottom.
        pub height: CaretPlace,
    }
}
wire! { to_viewer
    /// The size of a cursor picture.
    pub struct CursorSize {
        /// From left to right.
        width: CursorSide,
        /// From top to bottom.
        height: CursorSide,
    }
}
wire! { to_viewer
    /// The pixel of a cursor picture that points; it lies within the picture.
    pub struct Hotspot {
        /// From the left edge.
        x: CursorPlace,
        /// From the top edge.
        y: CursorPlace,
    }
}

impl Size {
    /// A size, if it is one a canvas can have.
    pub const fn new(width: u16, height: u16) -> Result<Self, OutOfRange> {
        match (Width::new(width), Height::new(height)) {
            (Ok(width), Ok(height)) => Ok(Self { width, height }),
            _ => Err(OutOfRange("Size")),
        }
    }

    /// The nearest size a canvas can have.
    pub fn clamped(width: u32, height: u32) -> Self {
        Self {
            width: Width::clamped(u16::try_from(width).unwrap_or(u16::MAX)),
            height: Height::clamped(u16::try_from(height).unwrap_or(u16::MAX)),
        }
    }

    /// Physical pixels from left to right.
    pub const fn width(self) -> u16 {
        self.width.get()
    }

    /// Physical pixels from top to bottom.
    pub const fn height(self) -> u16 {
        self.height.get()
    }
}

impl Viewport {
    /// A viewport, if a browser window can have that size.
    pub const fn new(size: Size, scale: Scale, refresh: Rate) -> Result<Self, OutOfRange> {
        match (WindowWidth::new(size.width()), WindowHeight::new(size.height())) {
            (Ok(width), Ok(height)) => Ok(Self { width, height, scale, refresh }),
            _ => Err(OutOfRange("Viewport")),
        }
    }

    /// The viewport with the nearest size a browser window can have.
    pub const fn clamped(size: Size, scale: Scale, refresh: Rate) -> Self {
        Self { width: WindowWidth::clamped(size.width()), height: WindowHeight::clamped(size.height()), scale, refresh }
    }

    /// The size of the window's canvas.
    pub const fn size(self) -> Size {
        Size { width: Width::clamped(self.width.get()), height: Height::clamped(self.height.get()) }
    }

    /// How large things are drawn.
    pub const fn scale(self) -> Scale {
        self.scale
    }

    /// How often the viewer's screen shows a new picture.
    pub const fn refresh(self) -> Rate {
        self.refresh
    }
}

impl Position {
    /// The position at a place in physical pixels.
    pub fn from_pixels(x: f64, y: f64) -> Self {
        Self { x: Fixed::from_pixels(x), y: Fixed::from_pixels(y) }
    }
}

impl CursorSize {
    /// A size, if it is one a cursor picture can have.
    pub const fn new(width: u8, height: u8) -> Result<Self, OutOfRange> {
        match (CursorSide::new(width), CursorSide::new(height)) {
            (Ok(width), Ok(height)) => Ok(Self { width, height }),
            _ => Err(OutOfRange("CursorSize")),
        }
    }

    /// Physical pixels from left to right.
    pub const fn width(self) -> u8 {
        self.width.get()
    }

    /// Physical pixels from top to bottom.
    pub const fn height(self) -> u8 {
        self.height.get()
    }

    /// Bytes of a picture of this size at four bytes a pixel.
    pub const fn bytes(self) -> usize {
        self.width.get() as usize * self.height.get() as usize * 4
    }
}

impl Hotspot {
    /// A place, if a cursor picture can have it.
    pub const fn new(x: u8, y: u8) -> Result<Self, OutOfRange> {
        match (CursorPlace::new(x), CursorPlace::new(y)) {
            (Ok(x), Ok(y)) => Ok(Self { x, y }),
            _ => Err(OutOfRange("Hotspot")),
        }
    }

    /// Physical pixels from the picture's left edge.
    pub const fn x(self) -> u8 {
        self.x.get()
    }

    /// Physical pixels from the picture's top edge.
    pub const fn y(self) -> u8 {
        self.y.get()
    }

    /// Whether the place lies within a picture of this size.
    pub const fn is_within(self, size: CursorSize) -> bool {
        self.x() < size.width() && self.y() < size.height()
    }
}
