//! The built-in pages: a calm Japanese welcome page, the default start page of a session.
//!
//! Owns an HTTP listener on the loopback address, with every byte embedded in the program. It keeps nothing of what a form
//! sends, echoes nothing, and must never serve a file of the machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::limits;

/// The built-in pages, listening.
#[derive(Debug)]
pub struct Pages {
    listener: TcpListener,
    address: SocketAddr,
}

impl Pages {
    /// Listens on a free port of the loopback address.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where they are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The welcome page's address.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the task is dropped.
    pub async fn serve(self) -> io::Result<()> {
        let listener =
            Bounded { listener: self.listener, free: std::sync::Arc::new(Semaphore::new(limits::PAGE_CONNECTIONS)) };
        axum::serve(listener, router()).await
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| page(include_bytes!("../assets/welcome.html"))))
        .route(
            "/thanks",
            get(|| page(include_bytes!("../assets/thanks.html")))
                .post(|| page(include_bytes!("../assets/thanks.html"))),
        )
        .route("/style.css", get(|| asset("text/css; charset=utf-8", include_bytes!("../assets/style.css"))))
        .route("/screen.svg", get(|| asset("image/svg+xml", include_bytes!("../assets/screen.svg"))))
        .route("/garden.png", get(|| asset("image/png", include_bytes!("../assets/garden.png"))))
        .route("/water.webm", get(|| asset("video/webm", include_bytes!("../assets/water.webm"))))
        .layer(DefaultBodyLimit::max(limits::PAGE_FORM))
}

async fn page(bytes: &'static [u8]) -> Response {
    asset("text/html; charset=utf-8", bytes).await
}

async fn asset(kind: &'static str, bytes: &'static [u8]) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'self'; form-action 'self'; base-uri 'none'"),
        ),
    ];
    (headers, bytes).into_response()
}

/// A listener that accepts no more connections than it has room for.
struct Bounded {
    listener: TcpListener,
    free: std::sync::Arc<Semaphore>,
}

/// A connection that gives its room back when it ends.
struct Held {
    stream: tokio::net::TcpStream,
    _room: tokio::sync::OwnedSemaphorePermit,
}

impl axum::serve::Listener for Bounded {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        let room = self.free.clone().acquire_owned().await;
        let room = room.expect("the semaphore is never closed");
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        let held = Held { stream, _room: room };
        (held, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

mod held {
    //! Reading and writing pass straight through to the stream.

    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Held;

    impl AsyncRead for Held {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Held {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write(context, buffer)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(context)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn answer(request: &str) -> Vec<u8> {
        let pages = Pages::bind().await.unwrap();
        let address = pages.address;
        let server = tokio::spawn(pages.serve());
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        server.abort();
        answer
    }

    #[tokio::test]
    async fn the_welcome_page_is_japanese_and_names_only_what_is_served() {
        let answer = answer("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let text = String::from_utf8(answer).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(text.contains("lang=\"ja\"") && text.contains("インターネット"));
        for asset in ["/style.css", "/screen.svg", "/garden.png", "/water.webm", "/thanks"] {
            assert!(text.contains(&format!("\"{asset}\"")), "{asset}");
        }
    }

    #[tokio::test]
    async fn the_video_is_small_and_served_as_webm() {
        assert!(include_bytes!("../assets/water.webm").len() <= 150 << 10);
        let answer = answer("GET /water.webm HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let head = String::from_utf8_lossy(&answer[..200]).into_owned();
        assert!(head.contains("video/webm"), "{head}");
    }

    #[tokio::test]
    async fn nothing_but_the_pages_is_served() {
        let request = "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        assert!(answer(request).await.starts_with(b"HTTP/1.1 404"));
    }
}
