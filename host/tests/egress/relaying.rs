//! What is let through arrives as it was sent, and is written down.

use shoji_host::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::fixture::{Names, PAGE, PATIENCE, Proxy, Server, head, policy};

#[tokio::test]
async fn a_page_comes_through_and_nothing_between_browser_and_proxy_goes_on() {
    let server = Server::start(PAGE).await;
    let proxy = Proxy::with(policy(), Names::of(&[("site.test", &[&["127.0.0.1"]])]), None);
    let port = server.address.port();
    let answer = proxy
        .answer(&format!(
            "GET http://SITE.test:{port}/a?b=secret HTTP/1.1\r\nHost: elsewhere.test\r\nCookie: c=1\r\n\
             Connection: close, x-hop\r\nX-Hop: 1\r\nProxy-Authorization: Basic eDp5\r\nProxy-Connection: close\r\n\r\n"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("page"), "{answer}");
    let sent = server.heads().remove(0).to_lowercase();
    assert!(sent.starts_with("get /a?b=secret http/1.1\r\n"), "{sent}");
    assert!(sent.contains(&format!("host: site.test:{port}\r\n")) && sent.contains("cookie: c=1\r\n"), "{sent}");
    for gone in ["elsewhere", "proxy-", "x-hop"] {
        assert!(!sent.contains(gone), "{sent}");
    }
    let event = proxy.events(1).await.remove(0);
    assert_eq!((event.session, event.refusal, event.received), (7, None, PAGE.len() as u64));
    assert_eq!(event.sent, sent.len() as u64);
    assert!(!format!("{event:?}").contains("secret"), "{event:?}");
}

#[tokio::test]
async fn a_tunnel_carries_both_ways_and_its_bytes_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let proxy = Proxy::start(policy());
    let (mut browser, head) = proxy.tunnel(&to.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (mut server, _) = listener.accept().await.unwrap();
    let data: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
    browser.write_all(b"hello").await.unwrap();
    let mut five = [0; 5];
    server.read_exact(&mut five).await.unwrap();
    let sending = {
        let data = data.clone();
        tokio::spawn(async move { server.write_all(&data).await.unwrap() })
    };
    let mut received = Vec::new();
    timeout(PATIENCE, browser.read_to_end(&mut received)).await.unwrap().unwrap();
    sending.await.unwrap();
    assert!(received == data);
    drop(browser);
    let event = proxy.events(1).await.remove(0);
    assert_eq!((event.sent, event.received, event.refusal), (5, 1_000_000, None));
}

#[tokio::test]
async fn a_session_that_ends_takes_its_tunnels_along() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut proxy = Proxy::start(policy());
    let (mut browser, _) = proxy.tunnel(&listener.local_addr().unwrap().to_string()).await;
    let (mut server, _) = listener.accept().await.unwrap();
    proxy.passage = None;
    for stream in [&mut browser, &mut server] {
        let ended = timeout(PATIENCE, stream.read_u8()).await.unwrap();
        assert!(ended.is_err());
    }
    assert!(tokio::net::TcpStream::connect(proxy.address).await.is_err());
    assert_eq!(proxy.events(1).await.len(), 1);
}

#[tokio::test]
async fn a_session_has_so_many_connections_and_the_next_one_waits() {
    let server = Server::start(PAGE).await;
    let proxy = Proxy::start(policy());
    let mut held = Vec::new();
    for _ in 0..limits::EGRESS_CONNECTIONS_OF_SESSION {
        held.push(proxy.connect().await);
    }
    let mut next = proxy.connect().await;
    let request = format!("GET http://{}/ HTTP/1.1\r\n\r\n", server.address);
    next.write_all(request.as_bytes()).await.unwrap();
    // One that came before it is served, so the next one is waiting and not merely slow.
    let last = held.last_mut().unwrap();
    last.write_all(request.as_bytes()).await.unwrap();
    assert!(head(last).await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.heads().len(), 1);
    drop(held);
    assert!(head(&mut next).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn names_that_nobody_answers_for_hold_up_their_own_session_only() {
    let server = Server::start(PAGE).await;
    let names = Names::of(&[("site.test", &[&["127.0.0.1"]])]);
    let proxy = Proxy::with(policy(), names.clone(), None);
    let mut waiting = Vec::new();
    for number in 0..2 * limits::EGRESS_LOOKUPS_OF_SESSION {
        let mut stream = proxy.connect().await;
        stream.write_all(format!("CONNECT {number}.slow.test:443 HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    // A page by its address, asked for last, is served: all of them have been read, and no more are looked up than may be.
    let port = server.address.port();
    let ask = |host| format!("GET http://{host}:{port}/ HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(proxy.answer(&ask("127.0.0.1")).await.starts_with("HTTP/1.1 200"));
    assert_eq!(names.asked().len(), limits::EGRESS_LOOKUPS_OF_SESSION);
    assert!(proxy.another().answer(&ask("site.test")).await.starts_with("HTTP/1.1 200"));
}
