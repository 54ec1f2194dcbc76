//! A proxy, names of our own, and servers that remember what they were asked.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shoji_host::egress::audit::{Audit, Event};
use shoji_host::egress::policy::Policy;
use shoji_host::egress::resolve::{Answer, Resolve};
use shoji_host::egress::upstream::Upstream;
use shoji_host::egress::{Egress, Passage, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// After this, a wait is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a name means, one answer after the other; the last stays.
type Known = (&'static str, VecDeque<Vec<IpAddr>>);

/// Names, and which were asked for.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Vec<Known>>, Mutex<Vec<String>>);

impl Names {
    pub(crate) fn of(names: &[(&'static str, &[&[&str]])]) -> Arc<Self> {
        let addresses = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let names = names.iter().map(|(name, answers)| (*name, answers.iter().map(addresses).collect()));
        Arc::new(Self(Mutex::new(names.collect()), Mutex::default()))
    }

    /// The names that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a> {
        self.1.lock().unwrap().push(name.to_owned());
        let mut names = self.0.lock().unwrap();
        let answers = names.iter_mut().find(|(known, _)| *known == name).map(|(_, answers)| answers);
        let answer =
            answers.and_then(|answers| if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() });
        let is_slow = name.ends_with("slow.test");
        Box::pin(async move {
            if is_slow {
                std::future::pending::<()>().await;
            }
            answer.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }
}

/// Remembers events.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl Audit for Events {
    fn write(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

pub(crate) struct Proxy {
    pub(crate) egress: Egress,
    pub(crate) address: SocketAddr,
    pub(crate) events: Arc<Events>,
    pub(crate) passage: Option<Passage>,
}

/// Ports 80 and 443, and 127.0.0.1 excepted.
pub(crate) fn policy() -> Policy {
    Policy { ports: vec![80, 443], also_allow: vec!["127.0.0.1/32".parse().unwrap()], ..Policy::default() }
}

impl Proxy {
    pub(crate) fn start(policy: Policy) -> Self {
        Self::with(policy, Names::of(&[]), None)
    }

    pub(crate) fn with(policy: Policy, resolver: Arc<Names>, upstream: Option<Upstream>) -> Self {
        let events = Arc::new(Events::default());
        let contact = "情報システム課".to_owned();
        let own = Vec::new;
        let settings = Settings { policy, upstream, contact, resolver, audit: events.clone(), own };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let egress = Egress::start(settings).unwrap();
        let passage = Some(egress.door(7).serve(listener).unwrap());
        Self { egress, address, events, passage }
    }

    /// The door of another session to the same proxy.
    pub(crate) fn another(&self) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passage = Some(self.egress.door(8).serve(listener).unwrap());
        Self { egress: self.egress.clone(), address, events: self.events.clone(), passage }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that is answered to this, until the proxy ends the connection.
    pub(crate) async fn answer(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is cut has been answered before.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .unwrap_or_else(|_| panic!("{request:.90?} is not answered to its end"));
        String::from_utf8(answer).unwrap()
    }

    /// A tunnel, and the head of the answer.
    pub(crate) async fn tunnel(&self, to: &str) -> (TcpStream, String) {
        let mut stream = self.connect().await;
        stream.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        (stream, head)
    }

    /// The events, once there are so many.
    pub(crate) async fn events(&self, many: usize) -> Vec<Event> {
        let until = Instant::now() + PATIENCE;
        loop {
            let events = self.events.0.lock().unwrap().clone();
            if events.len() >= many {
                return events;
            }
            assert!(Instant::now() < until, "only {events:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The head of a message.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = timeout(PATIENCE, stream.read_u8()).await.expect("a head comes");
        match read {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server that answers each connection's first head with this and ends it; it remembers the heads.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answer: &'static str) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub(crate) async fn at(address: SocketAddr, answer: &'static str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), heads: Arc::default() };
        let heads = server.heads.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let heads = heads.clone();
                tokio::spawn(async move {
                    // First the connection itself: whoever must not be reached must not even be connected to.
                    let at = {
                        let mut heads = heads.lock().unwrap();
                        heads.push(String::new());
                        heads.len() - 1
                    };
                    let head = head(&mut stream).await;
                    heads.lock().unwrap()[at] = head;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        server
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

pub(crate) const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage";
