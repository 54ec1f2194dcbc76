//! The browser's confinement, seen from outside.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::client::Client;
use super::fixture::{Host, command_line, descendants, program, status, until};

#[tokio::test]
async fn the_browser_runs_as_another_user_in_namespaces_of_its_own_with_its_own_sandbox() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let session = host.sessions()[0].clone();
    let sandbox = session.browser.unwrap();
    let renderers = || -> Vec<u32> {
        descendants(sandbox).into_iter().filter(|pid| command_line(*pid).contains("--type=renderer")).collect()
    };
    until("a renderer confines itself", || {
        renderers().iter().any(|pid| status(*pid, "Seccomp").as_deref() == Some("2"))
    })
    .await;
    for pid in renderers() {
        assert_eq!(status(pid, "Seccomp").as_deref(), Some("2"), "renderer {pid}");
        assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"), "renderer {pid}");
    }
    let processes = descendants(sandbox);
    for pid in &processes {
        let line = command_line(*pid);
        assert!(!line.contains("no-sandbox") && !line.contains("disable-seccomp"), "{line}");
    }
    let namespace = |pid: u32, kind: &str| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    let browser = processes[2];
    for kind in ["net", "pid", "ipc", "uts", "mnt", "user"] {
        assert_ne!(namespace(browser, kind), namespace(host.id(), kind), "{kind}");
    }
    if rustix::process::geteuid().is_root() {
        let user = |pid| status(pid, "Uid").unwrap().split_whitespace().next().unwrap().to_owned();
        let (of_worker, of_browser) = (user(session.worker), user(browser));
        assert!(of_worker != "0" && of_browser != "0" && of_worker != of_browser);
        let groups = status(session.worker, "Groups").unwrap();
        assert!(groups.is_empty(), "{groups}");
    }
    assert_eq!(status(session.worker, "NoNewPrivs").as_deref(), Some("1"));
}

#[tokio::test]
async fn the_policies_are_in_the_sandbox_and_cannot_be_written_there() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let browser = descendants(host.sessions()[0].browser.unwrap())[2];
    for folder in ["chromium", "opt/chrome", "opt/edge"] {
        let inside = std::path::PathBuf::from(format!("/proc/{browser}/root"));
        let path = inside.join("etc").join(folder).join("policies/managed/shoji.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"DownloadRestrictions\": 3"), "{text}");
    }
    let mounts = std::fs::read_to_string(format!("/proc/{browser}/mountinfo")).unwrap();
    let policies: Vec<_> = mounts.lines().filter(|line| line.contains("/policies/managed/shoji.json")).collect();
    assert_eq!(policies.len(), 3);
    for line in mounts.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let (place, options) = (fields[4], fields[5]);
        let may_write = ["/home/shoji", "/tmp", "/dev", "/proc", "/run/shoji"].iter().any(|of| place.starts_with(of));
        assert!(may_write || options.starts_with("ro"), "{line}");
    }
}

/// Runs a program of Perl inside the sandbox, in all the namespaces that the browser has, and gives its output.
fn perl_inside(browser: u32, program: &str, arguments: &[&str]) -> String {
    let of = |field| status(browser, field).unwrap().split_whitespace().next().unwrap().to_owned();
    let output = Command::new("nsenter")
        .args(["--setuid", &of("Uid"), "--setgid", &of("Gid")])
        .args(["--target", &browser.to_string(), "--user", "--net", "--mount", "--pid", "--ipc", "--uts"])
        .args(["perl", "-e", program])
        .args(arguments)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_browsers_network_is_its_own_loopback_with_one_port_and_nothing_of_the_host() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let browser = descendants(host.sessions()[0].browser.unwrap())[2];
    let cards = std::fs::read_to_string(format!("/proc/{browser}/net/dev")).unwrap();
    let cards: Vec<_> = cards.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(cards, ["lo"]);
    // All of TCP, tried by a real program. A socket that happens to be given the port that it asks for meets itself.
    let scan = "use Socket; for my $port (1..65535) { socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!; \
        print \"$port\\n\" if connect($s, sockaddr_in($port, INADDR_LOOPBACK)) and getsockname($s) ne getpeername($s); close $s }";
    assert_eq!(perl_inside(browser, scan, &[]), "3128\n");
    // The host's addresses, its neighbours and the internet: there is no route.
    let connect = "use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!; \
        print connect($s, sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) ? \"open\" : \"$!\"";
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = everywhere.local_addr().unwrap().port().to_string();
    let cards = shoji_host::addresses::of_cards();
    let own = cards.iter().filter(|card| card.is_ipv4() && !card.is_loopback()).map(ToString::to_string);
    for address in own.chain(["10.0.0.1", "169.254.169.254", "8.8.8.8"].map(str::to_owned)) {
        assert_eq!(perl_inside(browser, connect, &[&address, &port]), "Network is unreachable", "{address}");
    }
    // Sockets without a file belong to a network namespace, too.
    let name = format!("shoji-test-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let unix = "use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!; \
        print connect($s, pack_sockaddr_un(\"\\0$ARGV[0]\")) ? \"open\" : \"$!\"";
    assert_eq!(perl_inside(browser, unix, &[&name]), "Connection refused");
    // Nor by asking the proxy.
    let ask = "use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!; \
        connect($s, sockaddr_in(3128, INADDR_LOOPBACK)) or die $!; syswrite $s, \"CONNECT $ARGV[0] HTTP/1.1\\r\\n\\r\\n\"; \
        my $line = <$s>; print $line";
    for to in
        [host.address.to_string(), format!("127.0.0.1:{port}"), "169.254.169.254:80".to_owned(), "[::1]:443".to_owned()]
    {
        let answer = perl_inside(browser, ask, &[&to]);
        assert!(answer.starts_with("HTTP/1.1 403"), "{to}: {answer}");
    }
    assert!(everywhere.set_nonblocking(true).is_ok() && everywhere.accept().is_err(), "somebody reached the host");
}

#[tokio::test]
async fn the_first_page_comes_through_the_proxy_and_is_written_down() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    until("the page's connection is in the log", || {
        let log = host.log();
        log.lines().any(|line| line.contains("Egress") && line.contains("127.0.0.1") && line.contains("\"allowed\""))
    })
    .await;
}

/// With a loopback alone, Chromium would tell every page that there is no network.
#[tokio::test]
async fn a_page_takes_the_browser_to_be_online() {
    let pages = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", pages.local_addr().unwrap());
    let host = Host::start_with(&["--also-allow", "127.0.0.1", "--start-url", &url], "");
    let device = host.device("pc");
    let client = Client::with_picture(&device);
    let said = async {
        loop {
            let (stream, _) = pages.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if let Some(said) = line.strip_prefix("GET /online-") {
                return said.split(' ').next().unwrap().to_owned();
            }
            let page = "<script>fetch('/online-' + navigator.onLine)</script>";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
            let answer = format!("{head}Content-Length: {}\r\n\r\n{page}", page.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    let (_client, said) = tokio::join!(client, said);
    assert_eq!(said, "true");
}

/// What a network namespace does not hold: the machine's hypervisor, packets of cards, the kernel's own talk; rings that make sockets past
/// a filter; keys that belong to whoever started the host.
#[test]
fn what_becomes_the_browser_makes_no_socket_but_those_of_the_web() {
    let script = "use POSIX; use Socket; my %families = (unix => 1, inet => 2, inet6 => 10, netlink => 16, packet => 17, bluetooth => 31, vsock => 40); \
        for my $name (sort keys %families) { print STDERR $name, socket(my $s, $families{$name}, SOCK_STREAM(), 0) || $! == EPROTONOSUPPORT ? '+' : $! == EAFNOSUPPORT ? '-' : \"?$!\", ' ' } \
        for my $call (425, 426, 427, 250, 248, 249) { $! = 0; syscall($call, 0, 0, 0, 0, 0); print STDERR $! == ENOSYS ? '-' : '+' }";
    let (_ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let output = std::process::Command::new("bwrap")
        .args(["--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"])
        .arg(program().get_program())
        .args(["browser-entrance", "perl", "-e", script])
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if cfg!(target_arch = "x86_64") {
        assert_eq!(said, "bluetooth- inet+ inet6+ netlink- packet- unix+ vsock- ------");
    } else {
        assert!(said.starts_with("bluetooth- inet+ inet6+ netlink- packet- unix+ vsock- "), "{said}");
    }
}
