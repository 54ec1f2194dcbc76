//! What is not let through is answered, written down, and nobody is connected to.

use shoji_host::egress::address::Kind;
use shoji_host::egress::policy::{Policy, Refusal};
use tokio::net::TcpListener;

use super::fixture::{Names, PAGE, Proxy, Server, policy};

fn strict() -> Policy {
    Policy { also_allow: Vec::new(), ..policy() }
}

#[tokio::test]
async fn by_default_nothing_of_this_machine_answers_however_it_is_named() {
    let server = Server::start(PAGE).await;
    let port = server.address.port();
    let names = Names::of(&[("inside.test", &[&["127.0.0.1", "::ffff:127.0.0.1", "::1"]])]);
    let proxy = Proxy::with(Policy { ports: vec![port], ..strict() }, names, None);
    let hosts = [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "localhost",
        "a.localhost.",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "inside.test",
    ];
    for host in hosts {
        let (_, head) = proxy.tunnel(&format!("{host}:{port}")).await;
        assert!(head.starts_with("HTTP/1.1 403") && head.contains("shoji-refused: "), "{host}: {head}");
        let page = proxy.answer(&format!("GET http://{host}:{port}/ HTTP/1.1\r\n\r\n")).await;
        assert!(page.starts_with("HTTP/1.1 403") && page.contains("情報システム課"), "{host}: {page}");
    }
    assert!(server.heads().is_empty());
    let events = proxy.events(hosts.len() * 2).await;
    assert!(events.iter().all(|event| matches!(event.refusal, Some(Refusal::Address(_)))), "{events:?}");
}

#[tokio::test]
async fn private_metadata_and_lgwan_addresses_are_refused_by_their_kind() {
    let policy = Policy { lgwan: vec!["61.1.0.0/16".parse().unwrap()], ..policy() };
    let names = Names::of(&[("rebound.test", &[&["169.254.169.254", "fd00:ec2::254"]])]);
    let proxy = Proxy::with(policy, names, None);
    for (to, word) in [
        ("10.0.0.1:443", "private"),
        ("[fd00::1]:443", "private"),
        ("169.254.169.254:80", "metadata"),
        ("[fd00:ec2::254]:80", "metadata"),
        ("rebound.test:80", "metadata"),
        ("61.1.2.3:443", "lgwan"),
        ("[::ffff:61.1.2.3]:443", "lgwan"),
        ("8.8.8.8:25", "port"),
        ("224.0.0.1:80", "multicast"),
        ("100.64.0.1:80", "shared"),
        ("[2002:a00:1::1]:80", "reserved"),
    ] {
        let (_, head) = proxy.tunnel(to).await;
        assert!(head.contains(&format!("shoji-refused: {word}\r\n")), "{to}: {head}");
    }
}

#[tokio::test]
async fn a_name_that_means_something_else_a_moment_later_gains_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let public = Server::at(([127, 0, 0, 1], port).into(), PAGE).await;
    let inside = Server::at(([127, 0, 0, 2], port).into(), PAGE).await;
    // 127.0.0.1 is excepted and stands for the internet, 127.0.0.2 is not and stands for a private network.
    let names = Names::of(&[
        ("rebinding.test", &[&["127.0.0.1"], &["127.0.0.2"]]),
        ("both.test", &[&["127.0.0.2", "127.0.0.1"]]),
    ]);
    let proxy = Proxy::with(policy(), names.clone(), None);
    let first = proxy.answer(&format!("GET http://rebinding.test:{port}/ HTTP/1.1\r\nConnection: close\r\n\r\n")).await;
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    // Judged and connected to by one and the same answer.
    assert_eq!(names.asked(), ["rebinding.test"]);
    let second = proxy.answer(&format!("GET http://rebinding.test:{port}/ HTTP/1.1\r\n\r\n")).await;
    assert!(second.starts_with("HTTP/1.1 403") && second.contains("shoji-refused: loopback"), "{second}");
    let both = proxy.answer(&format!("GET http://both.test:{port}/ HTTP/1.1\r\nConnection: close\r\n\r\n")).await;
    assert!(both.starts_with("HTTP/1.1 200"), "{both}");
    assert_eq!((public.heads().len(), inside.heads().len()), (2, 0));
}

#[tokio::test]
async fn a_domain_on_the_list_gets_the_block_page_and_its_name_is_not_looked_up() {
    let names = Names::of(&[("www.bad.test", &[&["127.0.0.1"]])]);
    let policy = Policy { block_domains: vec!["bad.test".parse().unwrap()], ..policy() };
    let proxy = Proxy::with(policy, names.clone(), None);
    let page = proxy.answer("GET http://www.bad.test/ HTTP/1.1\r\n\r\n").await;
    for part in ["HTTP/1.1 403", "管理者が閲覧を制限", "www.bad.test", "情報システム課", "lang=\"en\""]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, head) = proxy.tunnel("www.bad.test:443").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(names.asked().is_empty());
    assert_eq!(proxy.events(2).await[1].refusal, Some(Refusal::Blocked));
}

#[tokio::test]
async fn what_is_no_request_to_a_proxy_is_answered_and_reaches_nobody() {
    let server = Server::start(PAGE).await;
    let port = server.address.port();
    let proxy = Proxy::start(policy());
    let long = format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(200));
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "400"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "400"),
        ("CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (format!("CONNECT user@127.0.0.1:{port} HTTP/1.1\r\n\r\n"), "400"),
        (format!("GET http://user:pass@127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"), "400"),
        (format!("GET https://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"), "400"),
        (format!("GET ftp://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"), "400"),
        ("GET http://127.0.0.1:99999/ HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("POST http://127.0.0.1:{port}/ HTTP/1.1\r\nContent-Length: x\r\n\r\n"), "400"),
        (format!("POST http://127.0.0.1:{port}/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "400"),
        (long, "431"),
        (many, "431"),
    ] {
        let answer = proxy.answer(&request).await;
        let short = &request[..request.len().min(80)];
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{short:?}: {answer}");
    }
    assert!(server.heads().is_empty(), "{:?}", server.heads());
}

#[tokio::test]
async fn what_cannot_be_reached_or_understood_is_said_so() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let strange = Server::start("SSH-2.0-strange\r\n").await;
    let proxy = Proxy::start(policy());
    for (to, word) in [
        (closed.to_string(), "unreachable"),
        ("nobody.test".to_owned(), "no-name"),
        (strange.address.to_string(), "answer"),
    ] {
        let answer = proxy.answer(&format!("GET http://{to}/ HTTP/1.1\r\n\r\n")).await;
        assert!(
            answer.starts_with("HTTP/1.1 502") && answer.contains(&format!("shoji-refused: {word}")),
            "{to}: {answer}"
        );
    }
    let kinds: Vec<_> = proxy.events(3).await.into_iter().filter_map(|event| event.refusal).collect();
    assert_eq!(kinds, [Refusal::Unreachable, Refusal::NoName, Refusal::Answer]);
    assert!(kinds.iter().all(|kind| !kind.is_policy()) && Refusal::Address(Kind::Private).is_policy());
}
