//! One session's task: its processes, its lifetime and who is attached.
//!
//! created → attached ⇄ detached → ended. Owns the worker, the browser, the room and, while nobody is attached, the
//! worker's link; an attached connection holds the link and gives it back. Whatever happens to one session ends here: it
//! must never touch another's.

use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shoji_protocol::worker::{Attachment, ToSupervisor, ToWorker};
use shoji_protocol::{Capabilities, CloseCode, Fault, KeyboardLayout, Locale, Notice, SessionId, Viewport};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::deadlines::{Deadlines, Due};
use super::group::{self, Group};
use super::hub::Hub;
use super::link::{FromWorker, Link, LinkError};
use super::process::{Worker, WorkerStart};
use super::table::{Handle, Identity, Place, Shared};
use super::watch::Watch;
use crate::browser::restart::{Rule, Verdict};
use crate::browser::room::{Owner, Room};
use crate::browser::{self, Browser, Ending, Start};
use crate::{clock, limits};

/// What a session's task can be told.
#[derive(Debug)]
pub(super) enum Command {
    /// A connection wants the session.
    Attach(AttachRequest),
    /// A connection gives the link back; without it, the worker is gone.
    Return {
        /// Which attachment it was.
        attachment: Attachment,
        /// The link.
        link: Option<Link>,
        /// The viewer asked for the session's end.
        end: bool,
    },
    /// A connection read this from the link.
    Worker(ToSupervisor),
    /// End the session.
    End(CloseCode),
}

/// A connection that wants the session.
#[derive(Debug)]
pub(super) struct AttachRequest {
    pub(super) viewport: Viewport,
    pub(super) keyboard: KeyboardLayout,
    pub(super) capabilities: Capabilities,
    pub(super) locale: Locale,
    pub(super) reply: oneshot::Sender<Result<Grant, CloseCode>>,
}

/// What an attached connection gets.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) session: SessionId,
    pub(super) handle: Handle,
    pub(super) attachment: Attachment,
    pub(super) resumed: bool,
    pub(super) link: Link,
    pub(super) words: mpsc::Receiver<Word>,
}

/// What a session tells the connection that is attached to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Give the link back and close with this code: somebody else attaches.
    LetGo(CloseCode),
    /// Tell the viewer.
    Notice(Notice),
    /// The session is over: close with this code.
    Ended(CloseCode),
}

/// Words to a connection that it has not read: a notice or two and the end.
const WORDS: usize = 8;

/// Why a session could not be created.
#[derive(Debug, thiserror::Error)]
pub(super) enum CreateError {
    #[error(transparent)]
    Browser(#[from] browser::Error),
    #[error("cannot start the worker: {0}: check the machine's free memory and process limit")]
    Worker(std::io::Error),
    #[error("cannot watch the session's processes: {0}: check the limit of open files (ulimit -n)")]
    Watch(std::io::Error),
    #[error(transparent)]
    Group(#[from] group::Error),
    #[error(transparent)]
    Stopped(#[from] crate::spawner::Stopped),
    #[error("cannot make the resume token: {0}: the system gives no random numbers, restart the machine")]
    Random(getrandom::Error),
}

struct Session {
    hub: Arc<Hub>,
    handle: Handle,
    room: Arc<Room>,
    worker: Worker,
    worker_watch: Watch,
    browser: Option<(Browser, Watch)>,
    /// Holds both, where the system has such groups.
    group: Option<Arc<Group>>,
    crashes: Rule,
    link: Option<Link>,
    attached: Option<(Attachment, mpsc::Sender<Word>)>,
    next_attachment: u32,
    waiting: Option<AttachRequest>,
    deadlines: Deadlines,
}

/// Creates a session and starts its task. On failure the place is given back.
pub(super) async fn create(hub: Arc<Hub>, place: Place, identity: Identity) -> Result<Handle, CreateError> {
    match start(&hub, place, identity).await {
        Ok(session) => {
            let (session, commands) = *session;
            let handle = session.handle.clone();
            hub.table().run(handle.clone());
            tokio::spawn(session.run(commands, place));
            Ok(handle)
        }
        Err(error) => {
            hub.table().leave(place);
            Err(error)
        }
    }
}

async fn start(
    hub: &Arc<Hub>,
    place: Place,
    identity: Identity,
) -> Result<Box<(Session, mpsc::Receiver<Command>)>, CreateError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(CreateError::Random)?;
    let (worker_owner, browser_owner) = hub.owners(place.slot);
    let path = hub.runtime.join(format!("s{}", place.id));
    let launcher = hub.launcher.clone();
    let (url, door) = (hub.start_url.clone(), hub.egress.door(place.id));
    let trace = hub.worker_trace(place.id, worker_owner);
    let log_json = hub.log_json;
    let group = hub.groups.as_ref().map(|groups| groups.session(place.id)).transpose()?.map(Arc::new);
    let in_group = group.clone();
    let started = hub.spawner.run(move || {
        let (room, wayland) = Room::create(&path, browser_owner).map_err(browser::Error::from)?;
        let start = WorkerStart { session: place.id, owner: worker_owner, wayland, trace, log_json };
        let launched = start.start().map_err(CreateError::Worker).and_then(|(worker, socket)| {
            put(in_group.as_deref(), worker.id())?;
            let browser = launcher.launch(&room, &door, &url, Start::Fresh)?;
            put(in_group.as_deref(), browser.id())?;
            Ok((worker, socket, browser))
        });
        match launched {
            Ok((worker, socket, browser)) => Ok((room, worker, socket, browser)),
            Err(error) => {
                // Whatever was started is gone by now: dropping ends it.
                let _ = room.clear();
                Err(error)
            }
        }
    });
    let (room, worker, socket, browser) = started.await??;
    let worker_watch = Watch::new(worker.as_fd()).map_err(CreateError::Watch)?;
    let browser_watch = Watch::new(browser.as_fd()).map_err(CreateError::Watch)?;
    let now = clock::microseconds();
    let shared = Shared {
        id: place.id,
        identity,
        token: shoji_protocol::ResumeToken(u128::from_le_bytes(random)),
        created: now,
        last_input: now.into(),
        attached: false.into(),
        worker: worker.id().into(),
        browser: browser.id().into(),
    };
    let (commands, received) = mpsc::channel(limits::SESSION_COMMANDS);
    let session = Session {
        hub: hub.clone(),
        handle: Handle { shared: Arc::new(shared), commands },
        room: Arc::new(room),
        worker,
        worker_watch,
        browser: Some((browser, browser_watch)),
        group,
        crashes: Rule::default(),
        link: Some(Link::new(socket).map_err(CreateError::Watch)?),
        attached: None,
        next_attachment: 1,
        waiting: None,
        deadlines: Deadlines::new(hub.config.sessions, Instant::now()),
    };
    Ok(Box::new((session, received)))
}

/// Puts a process that was just started into its session's group, if there is one.
fn put(group: Option<&Group>, process: u32) -> Result<(), group::Error> {
    group.map_or(Ok(()), |group| group.put(process))
}

/// What woke the task.
enum Wake {
    Command(Option<Command>),
    WorkerEnded,
    BrowserEnded,
    Link(Result<FromWorker, LinkError>),
    Deadline,
}

/// The session is over, for this reason.
struct Over(CloseCode);

impl Session {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, place: Place) {
        let id = self.handle.shared.id;
        info!(session.id = id, worker = self.worker.id(), "Session created");
        let Over(code) = loop {
            let wake = self.wake(&mut commands).await;
            if let Err(over) = self.handle_wake(wake).await {
                break over;
            }
        };
        info!(session.id = id, code = ?code, "Session ended");
        if let Some((_, words)) = self.attached.take() {
            let _ = words.try_send(Word::Ended(code));
        }
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.reply.send(Err(code));
        }
        let hub = self.hub.clone();
        let cleared = tokio::task::spawn_blocking(move || self.clear()).await;
        if let Ok(Err(error)) = cleared {
            warn!(session.id = id, %error, "Session left something behind");
        }
        hub.table().leave(place);
        hub.session_left.notify_waiters();
    }

    /// Ends the processes and removes the files. Blocks for some milliseconds.
    fn clear(self) -> Result<(), browser::room::Error> {
        drop(self.link);
        drop(self.worker_watch);
        drop(self.worker);
        drop(self.browser);
        drop(self.group);
        match Arc::into_inner(self.room) {
            Some(room) => room.clear(),
            None => Ok(()),
        }
    }

    async fn wake(&mut self, commands: &mut mpsc::Receiver<Command>) -> Wake {
        let deadline = self.deadlines.earliest();
        let Self { link, browser, worker_watch, .. } = self;
        let from_link = async {
            match link {
                Some(link) => link.next().await,
                None => std::future::pending().await,
            }
        };
        let browser_ended = async {
            match browser {
                Some((_, watch)) => watch.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => Wake::Command(command),
            () = worker_watch.ended() => Wake::WorkerEnded,
            () = browser_ended => Wake::BrowserEnded,
            frame = from_link => Wake::Link(frame),
            () = sleep_until(deadline) => Wake::Deadline,
        }
    }

    async fn handle_wake(&mut self, wake: Wake) -> Result<(), Over> {
        match wake {
            Wake::Command(Some(Command::Attach(request))) => self.attach_requested(request),
            Wake::Command(Some(Command::Return { attachment, link, end })) => self.returned(attachment, link, end),
            Wake::Command(Some(Command::Worker(message))) => self.worker_said(message).await,
            Wake::Command(Some(Command::End(code))) => Err(Over(code)),
            // The task holds a sender itself, so the channel does not close.
            Wake::Command(None) => Err(Over(CloseCode::HostStopping)),
            Wake::WorkerEnded => Err(Over(CloseCode::WorkerDied)),
            Wake::BrowserEnded => self.browser_ended().await,
            Wake::Link(Ok(FromWorker::ForSupervisor(message))) => self.worker_said(message).await,
            // Nobody is attached: the worker sent this before it knew.
            Wake::Link(Ok(FromWorker::ForViewer(_))) => Ok(()),
            Wake::Link(Err(error)) => {
                warn!(session.id = self.handle.shared.id, %error, "Worker lost");
                Err(Over(CloseCode::WorkerDied))
            }
            Wake::Deadline => self.deadline(),
        }
    }

    fn attach_requested(&mut self, request: AttachRequest) -> Result<(), Over> {
        if let Some(earlier) = self.waiting.take() {
            let _ = earlier.reply.send(Err(CloseCode::Replaced));
        }
        match &self.attached {
            None => self.attach(request),
            Some((_, words)) => {
                let _ = words.try_send(Word::LetGo(CloseCode::Replaced));
                self.waiting = Some(request);
                self.deadlines.hand_over(Instant::now());
                Ok(())
            }
        }
    }

    fn attach(&mut self, request: AttachRequest) -> Result<(), Over> {
        let Some(mut link) = self.link.take() else { return Err(Over(CloseCode::WorkerDied)) };
        let attachment = Attachment(self.next_attachment);
        self.next_attachment += 1;
        let AttachRequest { viewport, keyboard, capabilities, locale, reply } = request;
        let told = link.tell(&ToWorker::Attached { attachment, viewport, keyboard, capabilities, locale });
        if let Err(error) = told {
            warn!(session.id = self.handle.shared.id, %error, "Worker lost");
            let _ = reply.send(Err(CloseCode::WorkerDied));
            return Err(Over(CloseCode::WorkerDied));
        }
        let (words, received) = mpsc::channel(WORDS);
        let grant = Grant {
            session: SessionId(self.handle.shared.id),
            handle: self.handle.clone(),
            attachment,
            resumed: attachment.0 > 1,
            link,
            words: received,
        };
        self.attached = Some((attachment, words));
        self.handle.shared.attached.store(true, Ordering::Relaxed);
        self.handle.shared.last_input.store(clock::microseconds(), Ordering::Relaxed);
        self.deadlines.attached(Instant::now());
        match reply.send(Ok(grant)) {
            Ok(()) => Ok(()),
            // The connection went away while it waited.
            Err(Ok(grant)) => self.returned(attachment, Some(grant.link), false),
            Err(Err(_)) => Ok(()),
        }
    }

    fn returned(&mut self, attachment: Attachment, link: Option<Link>, end: bool) -> Result<(), Over> {
        if self.attached.as_ref().is_none_or(|(current, _)| *current != attachment) {
            return Ok(());
        }
        self.attached = None;
        self.handle.shared.attached.store(false, Ordering::Relaxed);
        if end {
            return Err(Over(CloseCode::SessionEnded));
        }
        let Some(link) = link else { return Err(Over(CloseCode::WorkerDied)) };
        let link = self.link.insert(link);
        if let Some(request) = self.waiting.take() {
            return self.attach(request);
        }
        debug!(session.id = self.handle.shared.id, "Session detached");
        self.deadlines.detached(Instant::now());
        link.tell(&ToWorker::Detached).map_err(|_| Over(CloseCode::WorkerDied))
    }

    async fn worker_said(&mut self, message: ToSupervisor) -> Result<(), Over> {
        match message {
            ToSupervisor::Ready | ToSupervisor::Attached { .. } => Ok(()),
            // The worker waited for the browser to leave by itself or to open another window.
            ToSupervisor::LastCanvasClosed => Err(Over(CloseCode::SessionEnded)),
            ToSupervisor::BrowserMisbehaved => self.browser_misbehaved().await,
            ToSupervisor::Notice { notice } => {
                self.tell_viewer(notice);
                Ok(())
            }
            ToSupervisor::Failed { why } => {
                warn!(session.id = self.handle.shared.id, ?why, "Worker failed");
                Err(Over(CloseCode::WorkerDied))
            }
        }
    }

    fn tell_viewer(&self, notice: Notice) {
        if let Some((_, words)) = &self.attached {
            let _ = words.try_send(Word::Notice(notice));
        }
    }

    async fn browser_misbehaved(&mut self) -> Result<(), Over> {
        let Some((browser, _)) = self.browser.take() else { return Ok(()) };
        warn!(session.id = self.handle.shared.id, fault = ?Fault::Host, "Browser broke the Wayland protocol or opens no window, and is ended");
        // Dropping it ends it with everything in its sandbox.
        let _ = tokio::task::spawn_blocking(move || drop(browser)).await;
        self.browser_crashed().await
    }

    async fn browser_ended(&mut self) -> Result<(), Over> {
        let Some((mut browser, _)) = self.browser.take() else { return Ok(()) };
        let ending = browser.ending();
        // Reaps it and waits for the last of its processes.
        let _ = tokio::task::spawn_blocking(move || drop(browser)).await;
        if ending == Some(Ending::Left) {
            return Err(Over(CloseCode::SessionEnded));
        }
        self.browser_crashed().await
    }

    /// Starts another browser, unless they crash too often.
    async fn browser_crashed(&mut self) -> Result<(), Over> {
        let id = self.handle.shared.id;
        self.handle.shared.browser.store(0, Ordering::Relaxed);
        let since_boot = Duration::from_micros(clock::microseconds());
        if self.crashes.crashed(since_boot) == Verdict::GiveUp {
            warn!(session.id = id, "Browser keeps crashing");
            self.tell_viewer(Notice::BrowserKeepsCrashing);
            return Err(Over(CloseCode::BrowserGone));
        }
        warn!(session.id = id, "Browser crashed and is started again");
        self.tell_viewer(Notice::BrowserCrashedRestarting);
        let (launcher, room, url) = (self.hub.launcher.clone(), self.room.clone(), self.hub.start_url.clone());
        let (group, door) = (self.group.clone(), self.hub.egress.door(id));
        let launch = move || -> Result<Browser, CreateError> {
            let browser = launcher.launch(&room, &door, &url, Start::AfterCrash)?;
            put(group.as_deref(), browser.id())?;
            Ok(browser)
        };
        let launched = self.hub.spawner.run(launch).await.map_err(CreateError::from).flatten();
        let browser = match launched {
            Ok(browser) => browser,
            Err(error) => {
                warn!(session.id = id, %error, "Browser cannot be started again");
                return Err(Over(CloseCode::BrowserGone));
            }
        };
        let watch = Watch::new(browser.as_fd()).map_err(|_| Over(CloseCode::BrowserGone))?;
        self.handle.shared.browser.store(browser.id(), Ordering::Relaxed);
        self.browser = Some((browser, watch));
        Ok(())
    }

    fn deadline(&mut self) -> Result<(), Over> {
        let last = self.handle.shared.last_input.load(Ordering::Relaxed);
        let quiet = Duration::from_micros(clock::microseconds().saturating_sub(last));
        match self.deadlines.due(Instant::now(), quiet) {
            Due::Nothing => Ok(()),
            Due::EndsSoon => {
                self.tell_viewer(Notice::SessionEndsSoon);
                Ok(())
            }
            Due::Over => Err(Over(CloseCode::SessionEnded)),
            // Its task hangs or was dropped with the link: nobody can reach the worker any more.
            Due::NotHandedOver => Err(Over(CloseCode::WorkerDied)),
        }
    }
}

/// The two users of a session's slot: the worker's and the browser's.
pub(super) fn owners(first_user_id: u32, slot: u32) -> (Owner, Owner) {
    if !crate::state::is_root() {
        return (Owner::of_this_process(), Owner::of_this_process());
    }
    let worker = first_user_id + slot * 2;
    (Owner::user(worker), Owner::user(worker + 1))
}

/// Asks a session for an attachment.
pub(super) async fn attach(
    handle: &Handle,
    request: impl FnOnce(oneshot::Sender<Result<Grant, CloseCode>>) -> AttachRequest,
) -> Result<Grant, CloseCode> {
    let (reply, granted) = oneshot::channel();
    let command = Command::Attach(request(reply));
    if handle.commands.send(command).await.is_err() {
        return Err(CloseCode::SessionEnded);
    }
    let patience = limits::HAND_OVER_TIMEOUT + limits::WORKER_READY_TIMEOUT;
    match timeout(patience, granted).await {
        Ok(Ok(answer)) => answer,
        _ => Err(CloseCode::SessionEnded),
    }
}
