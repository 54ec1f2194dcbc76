//! TLS over TCP: one ordered stream each way, for networks that let no UDP through. All frames follow one another.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Chunks, Told};
use crate::{
    bundle::Bundle,
    link::{Carried, Error, tls, wire::Outgoing},
};

/// Read at once: four TLS records.
const READ: usize = 64 * 1024;

/// A connection over TCP.
pub(in crate::link) struct Tcp {
    stream: TlsStream<Counted>,
    received: BytesMut,
    /// Writing failed. What the host said before is still read: it may be the reason.
    write_failed: bool,
    /// What the stream took may not have left yet.
    unflushed: bool,
    host: String,
}

impl Tcp {
    /// Connects, which the caller may give up.
    pub(super) async fn connect(
        address: SocketAddr,
        bundle: &Bundle,
        config: Arc<rustls::ClientConfig>,
    ) -> Result<Self, Error> {
        let host = bundle.host().to_owned();
        let failed = |error: io::Error| tls::explain_stream(&error, &host, false);
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(|error| Error::Local(error.kind().to_string()))?;
        // The protocol asks too; this frees the socket of a PC that slept.
        let keep_alive = TcpKeepalive::new().with_time(tls::KEEP_ALIVE).with_interval(tls::KEEP_ALIVE);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        let name = ServerName::try_from(bundle.server_name().to_owned())
            .map_err(|_| Error::Impostor { host: host.clone() })?;
        let stream = Counted { stream, counts: Arc::default() };
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(failed)?;
        // TLS itself lets a server name no protocol.
        if stream.get_ref().1.alpn_protocol() != Some(tls::ALPN) {
            return Err(Error::Version);
        }
        Ok(Self { stream, received: BytesMut::new(), write_failed: false, unflushed: false, host })
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.stream.get_ref().0.counts
    }

    pub(super) async fn next(&mut self, outgoing: &mut Outgoing, chunks: &mut Chunks) -> Result<Told, Error> {
        poll_fn(|context| self.poll_next(outgoing, chunks, context)).await
    }

    fn poll_next(
        &mut self,
        outgoing: &mut Outgoing,
        chunks: &mut Chunks,
        context: &mut Context<'_>,
    ) -> Poll<Result<Told, Error>> {
        // What a person does goes before everything else.
        if !self.write_failed {
            match self.poll_write(outgoing, context) {
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(Told::Wrote)),
                Poll::Ready(Err(_)) => self.write_failed = true,
                Poll::Ready(Ok(false)) | Poll::Pending => {}
            }
        }
        if self.received.capacity() < READ / 16 {
            self.received.reserve(READ);
        }
        // This future keeps nothing between two polls.
        let read = std::task::ready!(pin!(self.stream.read_buf(&mut self.received)).poll(context));
        Poll::Ready(match read {
            Ok(0) => Ok(Told::Finished),
            Ok(_) => {
                chunks[0] = self.received.split().freeze();
                Ok(Told::Shared(1))
            }
            Err(error) => Err(tls::explain_stream(&error, &self.host, true)),
        })
    }

    /// Ready when everything has left; whether there was anything.
    fn poll_write(&mut self, outgoing: &mut Outgoing, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while !outgoing.control.rest().is_empty() {
            let stream = Pin::new(&mut self.stream);
            let count = std::task::ready!(stream.poll_write(context, outgoing.control.rest()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outgoing.control.took(count);
            self.unflushed = true;
        }
        if !self.unflushed {
            return Poll::Ready(Ok(false));
        }
        std::task::ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.unflushed = false;
        Poll::Ready(Ok(true))
    }

    pub(super) async fn farewell(&mut self, outgoing: &mut Outgoing, patience: Duration) {
        let saying = async {
            poll_fn(|context| self.poll_write(outgoing, context)).await?;
            self.stream.shutdown().await?;
            // A socket that is dropped with bytes unread takes back what is still on its way. So the host closes first.
            loop {
                self.received.clear();
                self.received.reserve(READ);
                if self.stream.read_buf(&mut self.received).await? == 0 {
                    return io::Result::Ok(());
                }
            }
        };
        let _ = tokio::time::timeout(patience, saying).await;
    }
}

/// Bytes of TCP payload.
#[derive(Debug, Default)]
pub(in crate::link) struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Counts {
    pub(super) fn carried(&self) -> Carried {
        Carried { received: self.received.load(Ordering::Relaxed), sent: self.sent.load(Ordering::Relaxed) }
    }
}

/// A socket whose bytes are counted.
struct Counted {
    stream: TcpStream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.counts.received.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.counts.sent.fetch_add(count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
