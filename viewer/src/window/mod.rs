//! The viewer as windows on this PC's screen.
//!
//! Owns the start of the window loop and of the one network thread beside it. The rest is divided: [`app`] decides which
//! windows there are, [`pane`] is one window, [`compose`] makes its pixels, [`hands`] and [`input`] read
//! hands, [`front`] and [`menu`] take them while something of the viewer's own lies in front of the page, [`hints`] says
//! what does not cross.

mod app;
mod compose;
pub(crate) mod cursor;
mod departed;
mod front;
mod hands;
mod hints;
mod ime;
mod input;
mod menu;
mod messages;
mod pane;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shoji_protocol::{Rate, Scale, Size, Viewport};
use winit::event_loop::{ControlFlow, EventLoop};

pub use app::Error;
pub use menu::MenuKey;

use self::{
    app::{App, Parts, Wake},
    front::Front,
    input::Keyboard,
};
use crate::{
    bundle::Bundle,
    clock,
    link::{Link, Options},
    memory::Memory,
    observe::Observer,
    scene::Scene,
    stats::Snapshot,
    texts::Language,
    ui::{palette::Contrast, text::Painter},
};

/// Time to say goodbye to the host when the last window closed; longer would look like a hanging program.
const GOODBYE: Duration = Duration::from_millis(500);

/// How to show a session in windows.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The language of the viewer's own texts.
    pub language: Language,
    /// The first picture's size in physical pixels; otherwise a usual window.
    pub size: Option<(u16, u16)>,
    /// A scale other than the display's.
    pub scale: Option<f64>,
    /// How strongly the viewer's own pictures stand out.
    pub contrast: Contrast,
    /// The key that opens the menu.
    pub menu_key: MenuKey,
    /// Whose the keys for the viewer's own commands are.
    pub shortcuts: Shortcuts,
    /// What is remembered from earlier starts; without it nothing is explained, and nothing kept.
    pub memory: Option<Memory>,
}

/// Whose the keys for the viewer's own commands are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Shortcuts {
    /// The viewer's.
    #[default]
    Local,
    /// The page's; the menu's button stays.
    Page,
}

/// Shows a session until it ends or the person closes it, and gives its figures. A bundle that could not be read is shown as a page.
///
/// # Errors
/// If there is no display, or it does not take pixels.
pub fn run(
    bundle: Result<Bundle, crate::bundle::Error>,
    options: Options,
    settings: Settings,
    observer: Arc<dyn Observer>,
) -> Result<Option<Snapshot>, Error> {
    let events = EventLoop::<Wake>::with_user_event().build().map_err(|error| Error::display(&error))?;
    events.set_control_flow(ControlFlow::Wait);
    let context = softbuffer::Context::new(events.owned_display_handle())?;

    // At most one wake lies in the loop's queue: it is for looking at the newest state, not for passing things on.
    let pending = Arc::new(AtomicBool::new(false));
    let scene = {
        let (proxy, pending) = (events.create_proxy(), pending.clone());
        Scene::new(clock::now(), move || {
            if !pending.swap(true, Ordering::AcqRel) {
                // An error means that the loop has ended, and with it the need to wake it.
                let _ = proxy.send_event(Wake);
            }
        })
    };
    let (host, device) = bundle
        .as_ref()
        .map_or_else(|_| ("—".into(), "—".into()), |bundle| (bundle.host().into(), bundle.name().into()));
    let (threads, joins) = std::sync::mpsc::sync_channel(1);
    let watched = observer.clone();
    let connect = Box::new(move |viewport: Viewport| {
        let options = Options { viewport, ..options };
        let (link, driver) = Link::new(bundle, options, scene, watched);
        let thread = std::thread::Builder::new().name("network".into()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(driver.run()),
                Err(error) => driver.fail(crate::link::Error::Local(error.to_string())),
            }
        });
        if let Ok(thread) = thread {
            let _ = threads.try_send(thread);
        }
        link
    });
    let local = settings.shortcuts == Shortcuts::Local;
    let mut app = App::new(Parts {
        context,
        language: settings.language,
        host,
        device,
        size: settings.size,
        scale: settings.scale,
        connect,
        observer,
        painter: Painter::new().with_contrast(settings.contrast),
        keyboard: Keyboard::new(local),
        front: Front::new(settings.menu_key, local, settings.memory),
        pending,
    });
    let ran = events.run_app(&mut app).map_err(|error| Error::display(&error));
    let failure = app.failure.take();
    let link = app.into_link();
    let figures = link.as_ref().map(Link::snapshot);
    if let Some(link) = link {
        link.leave();
        let deadline = std::time::Instant::now() + GOODBYE;
        if let Ok(thread) = joins.try_recv() {
            // The scene's condition variable is the only thing to wait on: the driver changes it as it ends.
            let mut model = link.scene().lock();
            while !thread.is_finished() && std::time::Instant::now() < deadline {
                model = link.scene().wait(model, Duration::from_millis(20));
            }
        }
    }
    failure.map_or(ran, Err).map(|()| figures)
}

/// A viewport of a content's size, within the protocol's limits.
pub(crate) fn viewport(content: (u32, u32), scale: f64, refresh_millihertz: Option<u32>) -> Viewport {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 120 to 360 first")]
    let scale = Scale::clamped((scale * 120.0).round().clamp(120.0, 360.0) as u16);
    let refresh = refresh_millihertz.map_or(Rate::HZ_60, Rate::clamped);
    Viewport::clamped(Size::clamped(content.0, content.1), scale, refresh)
}
