//! A host, a viewer and a page, ended with the test.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use shoji_decoder::Decoders;
use shoji_decoder::process::Program;
use shoji_protocol::{CanvasId, Rate, Scale, Size, Viewport};
use shoji_tests::program;
use shoji_viewer::bundle::Bundle;
use shoji_viewer::headless::Viewer;
use shoji_viewer::link::Options;

/// After this, a wait is a failure. A browser starts within seconds even on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One answer of a [`Site`].
pub(crate) struct Page {
    /// How the request's path begins.
    pub(crate) path: &'static str,
    /// Lines of the head beside type and length, each with its end.
    pub(crate) head: &'static str,
    pub(crate) body: &'static str,
}

/// The paths that were asked for and answered, and how to wait for another.
#[derive(Default)]
struct Asked {
    paths: Mutex<Vec<String>>,
    more: Condvar,
}

/// Pages on loopback, until the test ends.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    asked: Arc<Asked>,
}

impl Site {
    /// Serves these to whoever asks: the first one that fits.
    pub(crate) fn of(pages: Vec<Page>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let asked = Arc::new(Asked::default());
        let log = Arc::clone(&asked);
        let pages = Arc::new(pages);
        std::thread::spawn(move || {
            // A browser opens connections ahead and leaves them idle: each has a thread of its own.
            for stream in listener.incoming().flatten() {
                let (pages, log) = (Arc::clone(&pages), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &pages, &log));
            }
        });
        Self { address, asked }
    }

    /// Waits until a path was asked for and answered.
    pub(crate) fn wait_asked(&self, path: &str) {
        let paths = self.asked.paths.lock().expect("nobody panics while writing");
        let missing = |paths: &mut Vec<String>| !paths.iter().any(|asked| asked == path);
        let waited = self.asked.more.wait_timeout_while(paths, PATIENCE, missing);
        assert!(!waited.expect("nobody panics while writing").1.timed_out(), "nobody asked for {path}");
    }

    /// Whether a path was asked for and answered.
    pub(crate) fn was_asked(&self, path: &str) -> bool {
        self.asked.paths.lock().expect("nobody panics while writing").iter().any(|asked| asked == path)
    }

    /// How often a path was asked for and answered.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked.paths.lock().expect("nobody panics while writing").iter().filter(|asked| *asked == path).count()
    }

    /// Waits until a path was asked for and answered so often.
    pub(crate) fn wait_count(&self, path: &str, count: usize) {
        let paths = self.asked.paths.lock().expect("nobody panics while writing");
        let missing = |paths: &mut Vec<String>| paths.iter().filter(|asked| *asked == path).count() < count;
        let waited = self.asked.more.wait_timeout_while(paths, PATIENCE, missing);
        assert!(!waited.expect("nobody panics while writing").1.timed_out(), "{path} was not asked for so often");
    }

    /// Waits until a path like this was asked for and answered.
    pub(crate) fn wait_for(&self, is: impl Fn(&str) -> bool) {
        let paths = self.asked.paths.lock().expect("nobody panics while writing");
        let missing = |paths: &mut Vec<String>| !paths.iter().any(|asked| is(asked));
        let waited = self.asked.more.wait_timeout_while(paths, PATIENCE, missing);
        assert!(!waited.expect("nobody panics while writing").1.timed_out(), "nobody asked for it");
    }

    /// The newest path that begins like this.
    pub(crate) fn last(&self, beginning: &str) -> Option<String> {
        let paths = self.asked.paths.lock().expect("nobody panics while writing");
        paths.iter().rev().find(|asked| asked.starts_with(beginning)).cloned()
    }

    /// Waits until the newest path that begins like this is this one.
    pub(crate) fn wait_last(&self, beginning: &str, path: &str) {
        let paths = self.asked.paths.lock().expect("nobody panics while writing");
        let last = |paths: &[String]| paths.iter().rev().find(|asked| asked.starts_with(beginning)).cloned();
        let waited = self.asked.more.wait_timeout_while(paths, PATIENCE, |paths| last(paths).as_deref() != Some(path));
        let (paths, result) = waited.expect("nobody panics while writing");
        assert!(!result.timed_out(), "{path} was never the last, but {:?}", last(&paths));
    }
}

/// Answers one request, of which only the path matters.
fn answer(mut stream: TcpStream, pages: &[Page], asked: &Asked) {
    let mut request = [0; 8192];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") && length < request.len() {
        match stream.read(&mut request[length..]) {
            Ok(0) | Err(_) => return,
            Ok(read) => length += read,
        }
    }
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
    let Some(page) = pages.iter().find(|page| path.starts_with(page.path)) else { return };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
        page.body.len(),
        page.head,
    );
    // A browser that closes early is no failure of the test.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(page.body.as_bytes()));
    asked.paths.lock().expect("nobody panics while writing").push(path);
    asked.more.notify_all();
}

/// Serves one page to whoever asks, on loopback, until the test ends.
pub(crate) fn serve(page: &'static str) -> SocketAddr {
    Site::of(vec![Page { path: "/", head: "", body: page }]).address
}

/// A running host that opens one page in each new session.
pub(crate) struct Host {
    child: Child,
    address: String,
    directory: tempfile::TempDir,
    url: Option<String>,
}

/// The host's program in a directory, and where it listens.
fn start(directory: &Path, listen: &str, url: Option<&str>) -> (Child, String) {
    let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log file");
    let mut command = Command::new(program("shoji-host"));
    command.env_remove("SHOJI_STATE").arg("--state").arg(directory.join("state"));
    command.args(["serve", "--listen", listen, "--print-ready", "--trace-dir"]).arg(directory.join("trace"));
    if let Some(url) = url {
        // Served on this machine, which browsers do not reach by themselves.
        command.args(["--start-url", url, "--also-allow", "127.0.0.1/32"]);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the host starts");
    let mut line = String::new();
    let output = child.stdout.take().expect("standard output is piped");
    BufReader::new(output).read_line(&mut line).expect("the host says that it is ready");
    let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    let address = line.strip_prefix("ready ").unwrap_or_else(|| panic!("{line:?}\n{}", log())).trim().to_owned();
    (child, address)
}

impl Host {
    pub(crate) fn showing(url: Option<&str>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(directory.path().join("trace")).expect("a directory for the trace");
        let (child, address) = start(directory.path(), "127.0.0.1:0", url);
        let host = Self { child, address, directory, url: url.map(ToOwned::to_owned) };
        host.run(&["user", "add", "hanako"]);
        host
    }

    /// Stops it as a service is stopped, and starts it again at the same address.
    pub(crate) fn restart(&mut self) {
        self.stop();
        (self.child, self.address) = start(self.directory.path(), &self.address, self.url.as_deref());
    }

    fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program("shoji-host"));
        command.env_remove("SHOJI_STATE").arg("--state").arg(self.directory.path().join("state")).args(arguments);
        let output = command.output().expect("the host's program runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Whether the only session has a viewer.
    pub(crate) fn is_attached(&self) -> bool {
        let sessions: serde_json::Value =
            serde_json::from_str(&self.run(&["sessions", "--json"])).expect("sessions are told as JSON");
        sessions[0]["attached"].as_bool().expect("there is a session")
    }

    /// Every file in the places where the only session's browser may write, with what is in it.
    pub(crate) fn files_of_browser(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let sessions: serde_json::Value =
            serde_json::from_str(&self.run(&["sessions", "--json"])).expect("sessions are told as JSON");
        let sandbox = sessions[0]["browser"].as_u64().expect("the session has a browser");
        // The sandbox's own first process lives outside of it; its grandchild sees the browser's files.
        let child = |pid: u64| -> u64 {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            children.split_ascii_whitespace().next().and_then(|pid| pid.parse().ok()).expect("the sandbox has a child")
        };
        let mut found = Vec::new();
        let root = PathBuf::from(format!("/proc/{}/root", child(child(sandbox))));
        let mut folders: Vec<PathBuf> = ["home/shoji", "tmp", "run/shoji"].iter().map(|of| root.join(of)).collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => {
                        found.push((entry.path(), std::fs::read(entry.path()).unwrap_or_default()));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.parse().expect("the host says an address")
    }

    /// The file that makes a PC a known device.
    pub(crate) fn bundle(&self, name: &str) -> PathBuf {
        self.bundle_for(name, &self.address)
    }

    /// The same, for a PC that reaches the host at this address; made once for each name.
    pub(crate) fn bundle_for(&self, name: &str, address: &str) -> PathBuf {
        let path = self.directory.path().join(format!("{name}.shoji"));
        if path.exists() {
            return path;
        }
        let file = path.to_str().expect("temporary paths are UTF-8");
        self.run(&["device", "add", name, "--user", "hanako", "--host", address, "--out", file]);
        path
    }

    /// A viewer in this process, its decoders in theirs, and its main window's canvas once that has a picture.
    pub(crate) fn view(&self, width: u32, height: u32) -> (Viewer, CanvasId) {
        let bundle = Bundle::read(&self.bundle("pc")).expect("the bundle is readable");
        let viewport = Viewport::clamped(Size::clamped(width, height), Scale::ONE, Rate::HZ_60);
        let decoder = Program { path: program("shoji-viewer"), ..Program::itself() };
        let options = Options { viewport, decoders: Decoders::Process(decoder), ..Options::default() };
        let viewer = Viewer::connect(bundle, options, Arc::new(())).expect("the viewer connects");
        let main = viewer.ready(PATIENCE).expect("the first picture comes");
        (viewer, main)
    }

    /// Everything that the host and its workers wrote: log and traces.
    pub(crate) fn written(&self) -> String {
        let folder = std::fs::read_dir(self.directory.path().join("trace")).expect("the trace's directory is there");
        let files = folder.flatten().map(|entry| entry.path()).chain([self.directory.path().join("log")]);
        files.map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect()
    }

    /// Every line of the only session's trace.
    pub(crate) fn trace(&self) -> Vec<serde_json::Value> {
        let lines = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let folder = std::fs::read_dir(self.directory.path().join("trace")).expect("the trace's directory is there");
        let worker = folder
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("worker-")))
            .expect("the worker traces");
        lines(&worker).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The host ends its workers and browsers; what it leaves behind is another test's question.
        self.stop();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default());
        }
    }
}

/// Whether the pixel at `x`, `y` is about this colour (red, green, blue).
pub(crate) fn is_colour(canvas: &shoji_codec::Canvas, x: u32, y: u32, colour: [u8; 3]) -> bool {
    let at = (y * canvas.size().width + x) as usize * 4;
    canvas.pixels().get(at..at + 3).is_some_and(|bgr| bgr[0] == colour[2] && bgr[1] == colour[1] && bgr[2] == colour[0])
}
