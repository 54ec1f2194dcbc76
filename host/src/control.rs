//! The control socket: what the command line asks a running host.
//!
//! Owns a Unix socket in the state directory that only its owner may open, the requests and answers on it (one JSON line
//! each, bounded), and the client. One request per connection. It must never carry pixels, input or a key.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::limits;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Where does the host listen?
    Status,
    /// Which sessions are there?
    Sessions,
    /// End a session.
    EndSession {
        /// Its number.
        id: u64,
    },
    /// The registry's file changed: read it again, and end what it no longer allows.
    RegistryChanged,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To [`Request::Status`].
    Status {
        /// `host:port` for device bundles.
        address: String,
    },
    /// To [`Request::Sessions`].
    Sessions {
        /// All of them.
        sessions: Vec<SessionLine>,
    },
    /// Done; how many sessions or connections were ended.
    Done {
        /// How many.
        ended: usize,
    },
    /// There is no such session.
    NoSuchSession,
    /// The request was not understood or could not be done.
    Refused {
        /// Why.
        why: String,
    },
}

/// One session, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLine {
    /// Its number.
    pub id: u64,
    /// Whose it is.
    pub user: String,
    /// From which device.
    pub device: String,
    /// Whether a viewer is attached.
    pub attached: bool,
    /// Seconds since it was created.
    pub age: u64,
    /// Process id of its worker.
    pub worker: u32,
    /// Process id of its browser's sandbox, while it runs.
    pub browser: Option<u32>,
}

/// Asking a running host failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No host runs with this state directory.
    #[error("no shoji-host is running with this state directory: start one with `shoji-host serve`")]
    NotRunning,
    /// The socket could not be used.
    #[error("cannot use the control socket {}: {source}{}", path.display(), crate::store::advice(source))]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A host runs and says nothing.
    #[error("the running shoji-host does not answer: see its log, or stop it and start it again")]
    Silent,
    /// The answer was not understood.
    #[error("the running shoji-host answered something unknown: it is of another version, start it again")]
    Answer,
}

/// Asks the host that runs with this control socket.
pub fn ask(path: &Path, request: &Request) -> Result<Answer, Error> {
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::NotRunning,
        // How a read that took too long ends.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Silent,
        _ => Error::Socket { path: path.to_owned(), source },
    };
    let mut stream = UnixStream::connect(path).map_err(fail)?;
    let patience = Some(limits::CONTROL_TIMEOUT + limits::STOP_TIMEOUT);
    stream.set_read_timeout(patience).map_err(fail)?;
    let mut line = serde_json::to_vec(request).expect("a request is valid JSON");
    line.push(b'\n');
    stream.write_all(&line).map_err(fail)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(limits::CONTROL_ANSWER as u64)).read_until(b'\n', &mut answer).map_err(fail)?;
    serde_json::from_slice(&answer).map_err(|_| Error::Answer)
}

/// Answers requests; the running host.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

/// The listening control socket; removed when it is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens. The caller holds the state directory's lock, so a socket that is there already is a dead host's.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        let fail = |source| Error::Socket { path: path.to_owned(), source };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        // The state directory is closed to others, so nobody can connect between these two steps.
        let listener = UnixListener::bind(path).map_err(fail)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until the task is dropped.
    pub async fn serve(self, handler: Arc<impl Handler>) {
        let free = Arc::new(Semaphore::new(limits::CONTROL_CONNECTIONS));
        loop {
            let room = free.clone().acquire_owned().await;
            let room = room.expect("the semaphore is never closed");
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let handler = handler.clone();
                    tokio::spawn(async move {
                        converse(stream, &*handler).await;
                        drop(room);
                    });
                }
                Err(error) => {
                    warn!(%error, "Control socket cannot accept");
                    // Out of file descriptors, most likely: let others close theirs.
                    tokio::time::sleep(limits::FAREWELL).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(mut stream: tokio::net::UnixStream, handler: &impl Handler) {
    let (reader, mut writer) = stream.split();
    let mut line = Vec::new();
    let mut reader = tokio::io::BufReader::new(reader.take(limits::CONTROL_REQUEST as u64));
    let read = reader.read_until(b'\n', &mut line);
    let answer = match tokio::time::timeout(limits::CONTROL_TIMEOUT, read).await {
        Ok(Ok(_)) if line.ends_with(b"\n") => match serde_json::from_slice(&line) {
            Ok(request) => handler.handle(request).await,
            Err(error) => Answer::Refused { why: error.to_string() },
        },
        Ok(Ok(_)) if line.len() >= limits::CONTROL_REQUEST => {
            Answer::Refused { why: format!("a request has at most {} bytes", limits::CONTROL_REQUEST) }
        }
        _ => return,
    };
    let mut line = serde_json::to_vec(&answer).expect("an answer is valid JSON");
    line.push(b'\n');
    let write = writer.write_all(&line);
    let _ = tokio::time::timeout(limits::CONTROL_TIMEOUT, write).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Handler for Fixed {
        async fn handle(&self, request: Request) -> Answer {
            match request {
                Request::EndSession { id: 1 } => Answer::Done { ended: 1 },
                _ => Answer::NoSuchSession,
            }
        }
    }

    async fn with_control<T: Send + 'static>(ask: impl FnOnce(&Path) -> T + Send + 'static) -> T {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let control = Control::bind(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let server = tokio::spawn(control.serve(Arc::new(Fixed)));
        let answer = tokio::task::spawn_blocking(move || ask(&path)).await.unwrap();
        server.abort();
        answer
    }

    #[tokio::test]
    async fn a_request_is_answered() {
        let answer = with_control(|path| ask(path, &Request::EndSession { id: 1 }).unwrap()).await;
        assert_eq!(answer, Answer::Done { ended: 1 });
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused_at_the_limit() {
        let answer = with_control(|path| {
            let mut stream = UnixStream::connect(path).unwrap();
            stream.write_all(&vec![b' '; limits::CONTROL_REQUEST]).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
        .await;
        assert!(answer.contains("at most"), "{answer}");
    }

    #[tokio::test]
    async fn an_unknown_request_is_refused_not_ignored() {
        let answer = with_control(|path| {
            let mut stream = UnixStream::connect(path).unwrap();
            stream.write_all(b"{\"ask\":\"everything\"}\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
        .await;
        assert!(answer.contains("refused"), "{answer}");
    }

    #[test]
    fn without_a_host_the_next_step_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = ask(&directory.path().join("control.sock"), &Request::Status).unwrap_err();
        assert!(error.to_string().contains("shoji-host serve"), "{error}");
    }
}
