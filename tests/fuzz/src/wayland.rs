//! A browser that was taken over, at the compositor's socket: any requests in any order, well formed and not.
//!
//! Requests are made from the protocols' own descriptions, so that most of them reach what they are for; the rest is noise.
//! Whatever it says, the compositor lives, stays within its limits, serves an honest client beside it, and keeps nothing of it
//! once it is gone. One compositor serves many inputs, since making one reads the keyboard's files: an input that fails may
//! need those before it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use shoji_compositor::{
    Button, CanvasId, Compositor, Config, Event, Input, Key, KeyboardLayout, Misbehaviour, Position, Scale, Size, Time,
    Viewport,
};
use wayland_client::Proxy;
use wayland_client::backend::protocol::{AllowNull, ArgumentType, Interface, MessageDesc};
use wayland_client::protocol::{
    wl_compositor, wl_data_device_manager, wl_display, wl_output, wl_registry, wl_seat, wl_shm, wl_subcompositor,
};
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_manager_v1;
use wayland_protocols::wp::fractional_scale::v1::client::wp_fractional_scale_manager_v1;
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1;
use wayland_protocols::wp::presentation_time::client::wp_presentation;
use wayland_protocols::wp::primary_selection::zv1::client::zwp_primary_selection_device_manager_v1;
use wayland_protocols::wp::relative_pointer::zv1::client::zwp_relative_pointer_manager_v1;
use wayland_protocols::wp::single_pixel_buffer::v1::client::wp_single_pixel_buffer_manager_v1;
use wayland_protocols::wp::text_input::zv3::client::zwp_text_input_manager_v3;
use wayland_protocols::wp::viewporter::client::wp_viewporter;
use wayland_protocols::xdg::activation::v1::client::xdg_activation_v1;
use wayland_protocols::xdg::decoration::zv1::client::zxdg_decoration_manager_v1;
use wayland_protocols::xdg::foreign::zv1::client::{zxdg_exporter_v1, zxdg_importer_v1};
use wayland_protocols::xdg::foreign::zv2::client::{zxdg_exporter_v2, zxdg_importer_v2};
use wayland_protocols::xdg::shell::client::xdg_wm_base;
use wayland_protocols::xdg::xdg_output::zv1::client::zxdg_output_manager_v1;

use crate::mutate::Random;
use crate::source::Source;

/// Inputs that one compositor serves.
const SERVED: u32 = 256;

/// Requests of one input: enough for any state, and an input ends soon.
const REQUESTS: u32 = 400;

/// What a registry may offer.
fn known() -> [&'static Interface; 23] {
    [
        wl_compositor::WlCompositor::interface(),
        wl_subcompositor::WlSubcompositor::interface(),
        wl_shm::WlShm::interface(),
        wl_seat::WlSeat::interface(),
        wl_output::WlOutput::interface(),
        wl_data_device_manager::WlDataDeviceManager::interface(),
        xdg_wm_base::XdgWmBase::interface(),
        zxdg_decoration_manager_v1::ZxdgDecorationManagerV1::interface(),
        xdg_activation_v1::XdgActivationV1::interface(),
        wp_viewporter::WpViewporter::interface(),
        wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1::interface(),
        wp_presentation::WpPresentation::interface(),
        wp_single_pixel_buffer_manager_v1::WpSinglePixelBufferManagerV1::interface(),
        wp_cursor_shape_manager_v1::WpCursorShapeManagerV1::interface(),
        zwp_text_input_manager_v3::ZwpTextInputManagerV3::interface(),
        zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1::interface(),
        zwp_pointer_constraints_v1::ZwpPointerConstraintsV1::interface(),
        zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1::interface(),
        zxdg_output_manager_v1::ZxdgOutputManagerV1::interface(),
        zxdg_exporter_v1::ZxdgExporterV1::interface(),
        zxdg_importer_v1::ZxdgImporterV1::interface(),
        zxdg_exporter_v2::ZxdgExporterV2::interface(),
        zxdg_importer_v2::ZxdgImporterV2::interface(),
    ]
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// The oracle.
pub fn run(bytes: &[u8]) {
    WORLD.with_borrow_mut(|kept| {
        // Taken out, so that one that failed is not used again.
        let mut world = kept.take().filter(|world| world.served < SERVED).unwrap_or_else(World::new);
        world.serve(&mut Source::new(bytes));
        *kept = Some(world);
    });
}

/// A compositor with an honest client.
struct World {
    compositor: Compositor,
    address: SocketAddr,
    honest: UnixStream,
    globals: Vec<(u32, &'static Interface, u32)>,
    open: BTreeSet<CanvasId>,
    now: u64,
    served: u32,
}

impl World {
    fn new() -> Self {
        // Nobody else has this name: a name in the kernel, no file is left behind.
        let name = format!("shoji-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        let listener = UnixListener::bind_addr(&address).expect("a socket");
        listener.set_nonblocking(true).expect("a socket");
        let viewport = Viewport { size: Size::new(320, 240), scale: Scale::from_120ths(120), refresh: 60_000 };
        let config = Config { viewport, keyboard: KeyboardLayout::Jp };
        let compositor = Compositor::new(config, listener).expect("a compositor");
        let honest = UnixStream::connect_addr(&address).expect("the compositor listens");
        honest.set_nonblocking(true).expect("a socket");
        let (globals, open) = (Vec::new(), BTreeSet::new());
        let mut world = Self { compositor, address, honest, globals, open, now: 1_000_000, served: 0 };
        // wl_display.get_registry, and what it says: wl_registry.global(name, interface, version) for each.
        (&world.honest).write_all(&message(1, 1, &word(2))).expect("the compositor reads");
        world.dispatch();
        world.globals = globals_of(&world.heard());
        assert_eq!(world.globals.len(), known().len(), "the compositor offers what is not known here");
        world
    }

    fn dispatch(&mut self) {
        self.now += 1_000;
        self.compositor.dispatch(Time(self.now)).expect("the compositor works");
        while let Some(event) = self.compositor.poll_event() {
            match event {
                Event::CanvasOpened { canvas, parent, .. } => {
                    assert!(parent.is_none_or(|parent| self.open.contains(&parent)), "a child of nobody");
                    assert!(self.open.insert(canvas), "a canvas is opened twice");
                }
                Event::CanvasClosed { canvas } => assert!(self.open.remove(&canvas), "a canvas is closed twice"),
                Event::Damaged { canvas } => {
                    let damage = self.compositor.take_damage(canvas);
                    let view = self.compositor.canvas(canvas).expect("a damaged canvas is there");
                    assert_eq!(view.pixels.len(), view.stride * view.size.height as usize);
                    let fits = |at: u32, by: u32, most| at.checked_add(by).is_some_and(|end| end <= most);
                    let inside = damage.rects().iter().all(|rect| {
                        fits(rect.x, rect.width, view.size.width) && fits(rect.y, rect.height, view.size.height)
                    });
                    assert!(inside, "damage outside the canvas");
                }
                Event::FrameWanted { canvas } => self.compositor.frame_done(canvas, Time(self.now)),
                Event::ClientMisbehaved { why: Misbehaviour::Protocol { .. } | Misbehaviour::Limit(_), remaining } => {
                    assert!(0 < remaining, "the honest client is gone too");
                }
                _ => {}
            }
        }
        assert!(self.open.len() <= shoji_protocol::limits::MAX_CANVASES);
    }

    fn heard(&mut self) -> Vec<u8> {
        let (mut heard, mut some) = (Vec::new(), [0; 4_096]);
        while let Ok(read) = self.honest.read(&mut some) {
            assert!(0 < read, "the honest client was disconnected");
            heard.extend_from_slice(&some[..read]);
        }
        heard
    }

    fn serve(&mut self, source: &mut Source<'_>) {
        self.served += 1;
        let stream = UnixStream::connect_addr(&self.address).expect("the compositor listens");
        stream.set_nonblocking(true).expect("a socket");
        let mut hostile = Hostile::new(stream);
        let names = self.globals.clone();
        hostile.enter(&names);
        if !source.byte().is_multiple_of(4) {
            let surface = hostile.begin_window();
            hostile.flush();
            self.dispatch();
            hostile.listen();
            hostile.show_window(surface);
            hostile.flush();
            self.dispatch();
            assert_eq!(self.open.len(), 1, "an honest beginning opens a window");
        }
        let mut requests = 0;
        while !source.is_empty() && requests < REQUESTS && !hostile.is_over {
            requests += 1;
            match source.below(32) {
                0 => hostile.noise(source),
                1..=3 => self.person(source),
                4..=6 => {
                    hostile.flush();
                    self.dispatch();
                    hostile.listen();
                }
                _ => hostile.request(source, &names),
            }
        }
        hostile.flush();
        self.dispatch();
        drop(hostile);
        // Once to read to its end, once for what follows from that.
        self.dispatch();
        self.dispatch();
        assert!(self.open.is_empty(), "canvases of a client that is gone");
        // wl_display.sync, whose callback is answered; the number may be used again once it was.
        self.heard();
        (&self.honest).write_all(&message(1, 0, &word(3))).expect("the compositor reads");
        self.dispatch();
        assert!(!self.heard().is_empty(), "the honest client gets no answer");
    }

    /// Somebody uses the browser meanwhile.
    fn person(&mut self, source: &mut Source<'_>) {
        let at = usize::from(source.byte());
        let Some(canvas) = self.open.iter().nth(at % self.open.len().max(1)).copied() else { return };
        let now = Time(self.now);
        let position = Position { x: f64::from(source.byte()) * 2.0, y: f64::from(source.byte()) };
        match source.below(8) {
            0 => self.compositor.input(Input::Focus { canvas: Some(canvas) }, now),
            1 | 2 => self.compositor.input(Input::PointerMotion { canvas, position }, now),
            3 => {
                self.compositor.input(Input::PointerButton { button: Button::Left, pressed: source.byte() < 128 }, now)
            }
            4 => {
                let key = Key(u16::from(source.byte()));
                self.compositor.input(Input::Key { key, pressed: source.byte() < 128 }, now);
            }
            5 => {
                let size = Size::new(320 + u32::from(source.byte()), 240 + u32::from(source.byte()));
                let scale = Scale::from_120ths(120 + u16::from(source.byte()));
                self.compositor.resize(canvas, Viewport { size, scale, refresh: 60_000 });
            }
            6 => self.compositor.close(canvas),
            _ => self.compositor.input(Input::PointerLeave, now),
        }
    }
}

/// One hostile client: its socket, and what it may name.
struct Hostile {
    stream: UnixStream,
    objects: Vec<(u32, &'static Interface)>,
    next: u32,
    bytes: Vec<u8>,
    files: Vec<OwnedFd>,
    /// Of states that windows were told.
    serials: Vec<u32>,
    is_over: bool,
}

impl Hostile {
    fn new(stream: UnixStream) -> Self {
        let objects = vec![(1, wl_display::WlDisplay::interface())];
        Self { stream, objects, next: 2, bytes: Vec::new(), files: Vec::new(), serials: Vec::new(), is_over: false }
    }

    fn make(&mut self, interface: &'static Interface) -> u32 {
        let id = self.next;
        self.next += 1;
        self.objects.push((id, interface));
        id
    }

    /// Takes the registry and binds all that there is.
    fn enter(&mut self, globals: &[(u32, &'static Interface, u32)]) {
        let registry = self.make(wl_registry::WlRegistry::interface());
        self.bytes.extend(message(1, 1, &word(registry)));
        for global in globals {
            self.bind(registry, *global);
        }
    }

    fn bind(&mut self, registry: u32, (name, interface, version): (u32, &'static Interface, u32)) -> u32 {
        let id = self.make(interface);
        let body =
            [word(name), text(interface.name.as_bytes()), word(version.min(interface.version)), word(id)].concat();
        self.bytes.extend(message(registry, 0, &body));
        id
    }

    /// A window as an honest client opens one, up to where it is told its first state.
    fn begin_window(&mut self) -> u32 {
        let of = |objects: &[(u32, &'static Interface)], name: &str| {
            objects.iter().find(|(_, interface)| interface.name == name).map_or(0, |(id, _)| *id)
        };
        let (compositor, base) = (of(&self.objects, "wl_compositor"), of(&self.objects, "xdg_wm_base"));
        let surface = self.child(compositor, 0, &[]);
        let xdg = self.child(base, 2, &word(surface));
        self.child(xdg, 1, &[]);
        self.bytes.extend(message(surface, 6, &[]));
        surface
    }

    /// Its first picture, in the state that it was told.
    fn show_window(&mut self, surface: u32) {
        let find = |name: &str| self.objects.iter().find(|(_, it)| it.name == name).map_or(0, |(id, _)| *id);
        let (xdg, shm) = (find("xdg_surface"), find("wl_shm"));
        let Some(serial) = self.serials.last().copied() else { return };
        self.bytes.extend(message(xdg, 4, &word(serial)));
        let Ok(file) = memory(320 * 240 * 4) else { return };
        self.files.push(file);
        let pool = self.child(shm, 0, &word(320 * 240 * 4));
        let buffer = self.child(pool, 0, &[word(0), word(320), word(240), word(320 * 4), word(1)].concat());
        self.bytes.extend(message(surface, 1, &[word(buffer), word(0), word(0)].concat()));
        self.bytes.extend(message(surface, 2, &[word(0), word(0), word(320), word(240)].concat()));
        self.bytes.extend(message(surface, 6, &[]));
    }

    /// A request that makes an object, whose number comes first, and other words.
    fn child(&mut self, object: u32, opcode: u16, rest: &[u8]) -> u32 {
        let parent = self.objects.iter().find(|(id, _)| *id == object).map(|(_, interface)| *interface);
        let made = parent.and_then(|interface| interface.requests.get(usize::from(opcode))?.child_interface);
        let id = made.map_or(0, |interface| self.make(interface));
        self.bytes.extend(message(object, opcode, &[&word(id)[..], rest].concat()));
        id
    }

    /// Any request that some object has.
    fn request(&mut self, source: &mut Source<'_>, globals: &[(u32, &'static Interface, u32)]) {
        let at = usize::from(source.byte()) % self.objects.len();
        // The newest are the most interesting.
        let at = if source.byte() < 160 { self.objects.len() - 1 - at } else { at };
        let (id, interface) = self.objects[at];
        if interface.requests.is_empty() {
            return;
        }
        let opcode = usize::from(source.byte()) % interface.requests.len();
        let request: &MessageDesc = &interface.requests[opcode];
        if interface.name == "wl_registry" {
            let global = globals[usize::from(source.byte()) % globals.len()];
            self.bind(id, global);
            return;
        }
        let mut body = Vec::new();
        let mut wanted = request.arg_interfaces.iter();
        for argument in request.signature {
            match argument {
                ArgumentType::Uint if request.name == "ack_configure" && source.byte() < 240 => {
                    body.extend(word(self.serials.last().copied().unwrap_or(0)));
                }
                ArgumentType::Int | ArgumentType::Uint | ArgumentType::Fixed => body.extend(word(number(source))),
                ArgumentType::Str(may_lack) => match source.below(8) {
                    0 if *may_lack == AllowNull::Yes => body.extend(word(0)),
                    1 => body.extend(text(&vec![b'a'; usize::from(source.byte()) * 15])),
                    _ => body.extend(text(source.some(40))),
                },
                ArgumentType::Array => {
                    let some = source.some(64);
                    body.extend(word(some.len() as u32));
                    body.extend(padded(some));
                }
                ArgumentType::Object(_) => {
                    let wanted = wanted.next().map(|interface| interface.name);
                    let fit: Vec<u32> = match source.below(16) {
                        0 => self.objects.iter().map(|(id, _)| *id).collect(),
                        _ => self.objects.iter().filter(|(_, it)| Some(it.name) == wanted).map(|(id, _)| *id).collect(),
                    };
                    let pick = usize::from(source.byte());
                    body.extend(word(if pick == 255 || fit.is_empty() {
                        0
                    } else {
                        fit[fit.len() - 1 - pick % fit.len()]
                    }));
                }
                ArgumentType::NewId => {
                    let id = request.child_interface.map_or(0, |interface| self.make(interface));
                    body.extend(word(id));
                }
                ArgumentType::Fd => {
                    if let Ok(file) = memory(u64::from(source.byte()) * 4_096) {
                        self.files.push(file);
                    }
                }
            }
        }
        self.bytes.extend(message(id, opcode as u16, &body));
        if request.is_destructor && source.byte() < 224 {
            self.objects.retain(|(known, _)| *known != id);
        }
        if 2_048 < self.bytes.len() || 8 < self.files.len() {
            self.flush();
        }
    }

    /// Bytes that are no request in particular. Not for requests with a text that must not lack: the Wayland library panics where it
    /// does, which ends the session's worker (SECURITY.md says so); nothing else would be found any more.
    fn noise(&mut self, source: &mut Source<'_>) {
        let (object, opcode) = (u32::from(source.byte()), u16::from(source.byte()));
        let some = source.some(64);
        let known = self.objects.iter().find(|(id, _)| *id == object);
        let request = known.and_then(|(_, interface)| interface.requests.get(usize::from(opcode)));
        let has_text = |request: &MessageDesc| request.signature.contains(&ArgumentType::Str(AllowNull::No));
        if !request.is_some_and(has_text) {
            self.bytes.extend(message(object, opcode, &padded(some)));
        }
    }

    /// Sends what it has to say. One that the compositor does not read, or has hung up on, has said enough.
    fn flush(&mut self) {
        let files = std::mem::take(&mut self.files);
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return;
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let borrowed: Vec<_> = files.iter().take(16).map(|file| file.as_fd()).collect();
        if !borrowed.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&borrowed));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = sendmsg(&self.stream, &[IoSlice::new(&bytes)], &mut ancillary, flags);
        self.is_over |= sent.is_err();
    }

    fn listen(&mut self) {
        let mut some = [0; 4_096];
        while let Ok(read) = self.stream.read(&mut some) {
            if read == 0 {
                self.is_over = true;
                return;
            }
            // xdg_surface.configure(serial): whole in nearly every read.
            let mut rest = &some[..read];
            while let [a, b, c, d, e, f, g, h, ..] = *rest {
                let (object, second) = (u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h]));
                let is_surface = |(id, it): &(u32, &Interface)| *id == object && it.name == "xdg_surface";
                if second == 12 << 16
                    && let Some(serial) = rest.get(8..12)
                    && self.objects.iter().any(is_surface)
                {
                    self.serials.push(u32::from_ne_bytes(serial.try_into().expect("four bytes")));
                }
                rest = rest.get((second >> 16).max(8) as usize..).unwrap_or_default();
            }
        }
    }
}

fn memory(bytes: u64) -> rustix::io::Result<OwnedFd> {
    let file = memfd_create("shoji-fuzz", MemfdFlags::CLOEXEC)?;
    ftruncate(&file, bytes)?;
    Ok(file)
}

/// A number as a request may hold it: small, large or negative.
fn number(source: &mut Source<'_>) -> u32 {
    let byte = source.byte();
    match source.below(8) {
        0 => u32::MAX - u32::from(byte),
        1 => u32::from(byte) << 24,
        2 => i32::MAX.cast_unsigned() - u32::from(byte),
        3 => u32::from(byte) << 8,
        4 => 1 << (byte % 32),
        _ => u32::from(byte),
    }
}

fn word(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let with_end = [bytes, b"\0"].concat();
    [word(with_end.len() as u32), padded(&with_end)].concat()
}

/// A request's bytes: object, length and opcode, arguments.
fn message(object: u32, opcode: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 8) << 16 | u32::from(opcode);
    [word(object), word(length), body.to_vec()].concat()
}

/// The globals that a registry (object 2) tells of, as far as they are known.
fn globals_of(mut heard: &[u8]) -> Vec<(u32, &'static Interface, u32)> {
    let known = known();
    let mut globals = Vec::new();
    let at = |bytes: &[u8], word: usize| {
        bytes.get(word * 4..word * 4 + 4).map_or(0, |bytes| u32::from_ne_bytes(bytes.try_into().expect("four bytes")))
    };
    while 8 <= heard.len() {
        let length = (at(heard, 1) >> 16) as usize;
        let (event, rest) = heard.split_at(length.clamp(8, heard.len()));
        heard = rest;
        if at(event, 0) == 2 {
            let (name, length) = (at(event, 2), at(event, 3) as usize);
            let version = at(event, 4 + length.div_ceil(4));
            let interface = event.get(16..15 + length).unwrap_or_default();
            let found = known.iter().find(|known| known.name.as_bytes() == interface);
            let found = found.unwrap_or_else(|| panic!("the compositor offers {}", String::from_utf8_lossy(interface)));
            globals.push((name, *found, version));
        }
    }
    globals
}

/// Choices of a few lengths.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut random = Random::new(0x3a71);
    [8, 60, 300, 900, 2_500].iter().map(|&length| (0..length).map(|_| random.byte()).collect()).collect()
}
