//! The thread that starts every process of the host.
//!
//! Workers and sandboxes ask the kernel to be killed when their parent goes. The kernel means the *thread* that started
//! them, so that thread has to live as long as the program: this one does. It also keeps the cost of `fork` (milliseconds in a
//! large process) away from the threads that relay frames. It must never do anything but start processes.

use std::io;
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// Jobs waiting to be started: each session task has one under way at most, and waits when it is full.
const WAITING: usize = 16;

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the thread; it ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Spawner {
    jobs: mpsc::Sender<Job>,
}

/// The thread is gone: only possible while the program ends.
#[derive(Debug, thiserror::Error)]
#[error("the host is stopping: start it again with `shoji-host serve`")]
pub struct Stopped;

impl Spawner {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (jobs, mut waiting): (_, mpsc::Receiver<Job>) = mpsc::channel(WAITING);
        thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            while let Some(job) = waiting.blocking_recv() {
                job();
            }
        })?;
        Ok(Self { jobs })
    }

    /// Runs `start` on the thread and gives back what it made.
    pub async fn run<T: Send + 'static>(&self, start: impl FnOnce() -> T + Send + 'static) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // The asker may have given up; what was started is then dropped, and dropping ends it.
            let _ = answer.send(start());
        });
        self.jobs.send(job).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}
