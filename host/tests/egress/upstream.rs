//! Through an upstream proxy that asks who we are.

use shoji_host::egress::policy::{Policy, Refusal};
use shoji_host::egress::upstream::Upstream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::fixture::{Names, PAGE, Proxy, Server, head};

fn policy() -> Policy {
    Policy { ports: vec![80, 443], ..Policy::default() }
}

fn behind(upstream: &str) -> Proxy {
    let upstream = Upstream::with_password(upstream.to_owned(), "shoji", "secret").unwrap();
    Proxy::with(policy(), Names::of(&[]), Some(upstream))
}

const CREDENTIALS: &str = "proxy-authorization: basic c2hvamk6c2vjcmv0\r\n";

#[tokio::test]
async fn a_tunnel_goes_through_it_with_our_password_and_without_the_browsers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = behind(&listener.local_addr().unwrap().to_string());
    let upstream = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = head(&mut stream).await.to_lowercase();
        assert!(asked.starts_with("connect site.test:443 http/1.1\r\n") && asked.contains(CREDENTIALS), "{asked}");
        // The first bytes of the tunnel may come with the answer.
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nfirst").await.unwrap();
        let mut four = [0; 4];
        stream.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"ping");
    };
    let browser = async {
        let mut stream = proxy.connect().await;
        let ask = "CONNECT site.test:443 HTTP/1.1\r\nHost: site.test:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n";
        stream.write_all(ask.as_bytes()).await.unwrap();
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        let mut first = [0; 5];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"first");
        stream.write_all(b"ping").await.unwrap();
        stream
    };
    let ((), _stream) = tokio::join!(upstream, browser);
}

#[tokio::test]
async fn a_page_goes_through_it_by_its_whole_address() {
    let upstream = Server::start(PAGE).await;
    let proxy = behind(&upstream.address.to_string());
    let answer = proxy.answer("GET http://site.test/a HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("page"), "{answer}");
    let asked = upstream.heads().remove(0).to_lowercase();
    assert!(asked.starts_with("get http://site.test/a http/1.1\r\n") && asked.contains(CREDENTIALS), "{asked}");
}

#[tokio::test]
async fn what_policy_refuses_does_not_reach_it() {
    let upstream = Server::start(PAGE).await;
    let proxy = behind(&upstream.address.to_string());
    for to in ["10.0.0.1:80", "localhost:80", "[::1]:443", "site.test:25", "169.254.169.254:80"] {
        let (_, head) = proxy.tunnel(to).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{to}: {head}");
    }
    assert!(upstream.heads().is_empty());
}

#[tokio::test]
async fn when_it_wants_another_password_the_browser_is_not_asked_for_it() {
    let upstream = Server::start(
        "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
    .await;
    let proxy = behind(&upstream.address.to_string());
    let page = proxy.answer("GET http://site.test/ HTTP/1.1\r\n\r\n").await;
    let (_, tunnel) = proxy.tunnel("site.test:443").await;
    for answer in [page, tunnel] {
        assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("shoji-refused: upstream"), "{answer}");
        assert!(!answer.to_lowercase().contains("authenticate") && !answer.contains("c2hvamk"), "{answer}");
    }
    assert_eq!(proxy.events(2).await[0].refusal, Some(Refusal::Upstream));
}
