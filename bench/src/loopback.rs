//! Owns a web server on the loopback in a thread of its own. Must never listen anywhere but on 127.0.0.1.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::sync::oneshot;

/// A web server on a free port of 127.0.0.1. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves what the router knows, in a thread of this name.
    ///
    /// # Errors
    /// If the loopback cannot be listened on or no thread can be started.
    pub fn start(name: &str, router: Router) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let serving = std::future::IntoFuture::into_future(axum::serve(listener, router));
                tokio::select! { _ = serving => {}, _ = stopped => {} }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_server_no_longer_listens() {
        let server = Server::start("pages", Router::new()).expect("the loopback can be listened on");
        let address = server.address();
        std::net::TcpStream::connect(address).expect("it listens");
        drop(server);
        std::net::TcpStream::connect(address).expect_err("nobody listens");
    }
}
