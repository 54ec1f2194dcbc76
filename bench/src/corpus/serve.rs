//! Owns the web server of one page's folder, on the loopback only. Must never serve anything but that folder and the one
//! named `common` beside it, which pages share.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tower_http::services::ServeDir;

/// A folder being served. Dropping it stops the server.
pub struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    /// Serves `folder`, and `common` beside it, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the loopback cannot be listened on.
    pub fn folder(folder: &Path) -> anyhow::Result<Self> {
        let common = folder.parent().unwrap_or(folder).join("common");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
            .context("cannot serve the pages on 127.0.0.1; is the loopback interface up?")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let router = axum::Router::new()
            .nest_service("/page", ServeDir::new(folder))
            .nest_service("/common", ServeDir::new(common));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("pages".into()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let serving = std::future::IntoFuture::into_future(axum::serve(listener, router));
                tokio::select! { _ = serving => {}, _ = stopped => {} }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The address of the folder's `index.html`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/page/", self.address)
    }
}

impl Drop for Served {
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
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn get(served: &Served, path: &str) -> String {
        let mut stream = TcpStream::connect(served.address).expect("the server listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the answer is text");
        answer
    }

    #[test]
    fn a_page_is_served_with_what_is_common_and_nothing_else() {
        let parent = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = parent.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        write("one/index.html", "<p>一枚目</p>");
        write("common/page.css", "p { color: red }");
        write("two/index.html", "hidden");
        write("secret", "hidden");
        let served = Served::folder(&parent.path().join("one")).expect("the loopback can be listened on");
        assert!(served.url().ends_with("/page/"));
        let page = get(&served, "/page/");
        assert!(page.contains("text/html") && page.contains("一枚目"), "{page}");
        assert!(get(&served, "/common/page.css").contains("color: red"));
        for outside in ["/secret", "/page/../../secret", "/page/%2e%2e/secret", "/page/../two/", "/two/"] {
            assert!(!get(&served, outside).contains("hidden"), "{outside}");
        }
    }
}
