//! Owns the web server of one page's folder, on the loopback only. Must never serve anything but that folder and the one
//! named `common` beside it, which pages share.

use std::path::Path;

use anyhow::Context as _;
use tower_http::services::ServeDir;

use crate::loopback::Server;

/// A folder being served. Dropping it stops the server.
pub struct Served(Server);

impl Served {
    /// Serves `folder`, and `common` beside it, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the loopback cannot be listened on.
    pub fn folder(folder: &Path) -> anyhow::Result<Self> {
        let common = folder.parent().unwrap_or(folder).join("common");
        let router = axum::Router::new()
            .nest_service("/page", ServeDir::new(folder))
            .nest_service("/common", ServeDir::new(common));
        Server::start("pages", router)
            .map(Self)
            .context("cannot serve the pages on 127.0.0.1; is the loopback interface up?")
    }

    /// The address of the folder's `index.html`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/page/", self.0.address())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn get(served: &Served, path: &str) -> String {
        let mut stream = TcpStream::connect(served.0.address()).expect("the server listens");
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
