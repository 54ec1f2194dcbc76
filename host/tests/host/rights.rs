//! What a worker can do once it has given its rights up: the same function, called by a process of the test's own, which
//! then tries what an intruder would. And a real worker, seen from outside.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use shoji_host::worker::rights;

use super::client::Client;
use super::fixture::{Host, status};

/// Names the attempt to the process that makes it.
const ATTEMPT: &str = "SHOJI_TEST_ATTEMPT";

/// The attempt was made and came to nothing; only then has the process this code.
const REFUSED: i32 = 41;

/// The attempt succeeded.
const SUCCEEDED: i32 = 42;

/// It was ended by a signal: this and the signal's number.
const KILLED: i32 = 128;

/// Gives whether it succeeded.
type Attempt = fn() -> bool;

/// What an intruder would try. By name.
const ATTEMPTS: &[(&str, Attempt)] = &[
    ("socket", || rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).is_ok()),
    ("local socket", || std::os::unix::net::UnixStream::pair().is_ok()),
    ("exec", || {
        use std::os::unix::process::CommandExt as _;
        // Returns only if it failed.
        let _ = Command::new("/bin/true").exec();
        false
    }),
    ("process", || Command::new("/bin/true").status().is_ok()),
    ("thread", || std::thread::Builder::new().spawn(|| ()).is_ok()),
    ("namespace", || {
        #[expect(unsafe_code, reason = "the intruder's own call; it has no borrowed files or memory")]
        // SAFETY: this process has one thread, and nothing after this depends on its namespaces.
        let made = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER) };
        made.is_ok()
    }),
    ("another process", || {
        rustix::process::pidfd_open(rustix::process::Pid::INIT, rustix::process::PidfdFlags::empty()).is_ok()
    }),
    ("signal", || rustix::process::test_kill_process(rustix::process::getppid().unwrap()).is_ok()),
    ("ptrace", || call(libc::SYS_ptrace, [libc::PTRACE_TRACEME as u64, 0, 0, 0])),
    ("foreign memory", || call(libc::SYS_process_vm_readv, [1, 0, 0, 0])),
    ("mount", || call(libc::SYS_mount, [0; 4])),
    ("kernel program", || call(libc::SYS_bpf, [0; 4])),
    ("ring of calls", || call(libc::SYS_io_uring_setup, [1, 0, 0, 0])),
    ("keys", || call(libc::SYS_keyctl, [0; 4])),
    ("user faults", || call(libc::SYS_userfaultfd, [0; 4])),
    ("memory to be run", || {
        use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
        let all = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
        #[expect(unsafe_code, reason = "the intruder's own mapping, at a place of the kernel's choice")]
        // SAFETY: no existing mapping is touched.
        let mapped = unsafe { mmap_anonymous(std::ptr::null_mut(), 4_096, all, MapFlags::PRIVATE) };
        mapped.is_ok()
    }),
    ("reading", || std::fs::File::open("/etc/passwd").is_ok()),
    ("writing", || std::fs::File::create("/tmp/shoji-test-written-by-an-intruder").is_ok()),
    ("listing", || std::fs::read_dir("/").is_ok()),
    ("looking", || std::fs::metadata("/etc/passwd").is_ok()),
    ("removing", || std::fs::remove_file("/tmp/shoji-test-that-is-not-there").is_ok()),
];

/// Attempts that come to nothing without ending the process.
const ONLY_REFUSED: [&str; 4] = ["reading", "writing", "listing", "looking"];

fn call(number: libc::c_long, arguments: [u64; 4]) -> bool {
    let [a, b, c, d] = arguments;
    #[expect(unsafe_code, reason = "the intruder's own call")]
    // SAFETY: each of the calls above fails on null or invalid arguments without touching memory.
    let result = unsafe { libc::syscall(number, a, b, c, d) };
    result >= 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EPERM)
}

/// Not a test of its own: the process in which an attempt is made. Without the variable it does nothing.
///
/// A worker has one thread when it gives its rights up and a test has two, so the attempt is made by a child with one.
#[test]
fn intruder() {
    let Ok(wanted) = std::env::var(ATTEMPT) else { return };
    #[expect(unsafe_code, reason = "only a fork has one thread")]
    // SAFETY: the other thread only waits for this one and holds no lock that the child takes; the child never returns.
    let child = unsafe { libc::fork() };
    if child == 0 {
        act(&wanted);
    }
    let child = rustix::process::Pid::from_raw(child).unwrap();
    let (_, ended) = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty()).unwrap().unwrap();
    std::process::exit(ended.exit_status().or(ended.terminating_signal().map(|signal| KILLED + signal)).unwrap());
}

fn act(wanted: &str) -> ! {
    let succeeded = match wanted.strip_prefix("with rights: ") {
        Some(name) => attempt(name),
        None => {
            rights::drop_all().expect("the rights can be given up");
            if wanted == "work" { work() } else { attempt(wanted) }
        }
    };
    let code = if succeeded { SUCCEEDED } else { REFUSED };
    #[expect(unsafe_code, reason = "a forked child must not run what its parent left for the end")]
    // SAFETY: it ends the process and touches nothing.
    unsafe {
        libc::_exit(code)
    }
}

fn attempt(name: &str) -> bool {
    let (_, attempt) = ATTEMPTS.iter().find(|(of, _)| *of == name).expect("an attempt of the list");
    attempt()
}

/// What a worker does after that: panics are caught, memory grows, its files serve.
fn work() -> bool {
    let memory: Vec<u8> = vec![1; 64 << 20];
    assert_eq!(memory[memory.len() - 1], 1);
    drop(memory);
    let file = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&file, 4_096).unwrap();
    let mut file = std::fs::File::from(file.as_fd().try_clone_to_owned().unwrap());
    file.write_all(b"pixels").unwrap();
    assert!(std::panic::catch_unwind(|| panic!("on purpose")).is_err());
    std::time::Instant::now().elapsed().as_secs() < 60
}

fn run(attempt: &str) -> (ExitStatus, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rights::intruder", "--nocapture"])
        .env(ATTEMPT, attempt)
        .output()
        .unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_worker_without_rights_can_still_do_its_work() {
    let (status, said) = run("work");
    assert_eq!(status.code(), Some(SUCCEEDED), "{status}: {said}");
}

#[test]
fn a_worker_without_rights_dies_of_what_only_an_intruder_would_call() {
    for (name, _) in ATTEMPTS.iter().filter(|(name, _)| !ONLY_REFUSED.contains(name)) {
        let (status, said) = run(name);
        assert_eq!(status.code(), Some(KILLED + Signal::SYS.as_raw()), "{name}: {status}: {said}");
    }
}

#[test]
fn a_worker_without_rights_reaches_no_file() {
    for name in ONLY_REFUSED {
        let (status, said) = run(name);
        assert_eq!(status.code(), Some(REFUSED), "{name}: {status}: {said}");
    }
}

/// The other tests would pass too if an attempt could never succeed.
#[test]
fn with_its_rights_the_same_process_can_do_these_things() {
    for name in
        ["socket", "local socket", "process", "thread", "signal", "memory to be run", "reading", "listing", "looking"]
    {
        let (status, said) = run(&format!("with rights: {name}"));
        assert_eq!(status.code(), Some(SUCCEEDED), "{name}: {status}: {said}");
    }
}

#[test]
fn a_process_with_a_second_thread_is_not_confined_by_halves() {
    let (done, wait) = std::sync::mpsc::sync_channel::<()>(0);
    let second = std::thread::spawn(move || wait.recv().is_err());
    assert!(matches!(rights::drop_all(), Err(rights::Error::Threads(threads)) if threads > 1));
    drop(done);
    assert!(second.join().unwrap());
    assert!(attempt("reading") && attempt("socket"));
}

#[test]
fn the_kernel_of_this_machine_has_both_walls() {
    assert_eq!(rights::missing(), rights::Missing { landlock: false, seccomp: false });
}

#[tokio::test]
async fn a_worker_that_has_met_its_browser_is_confined_in_all_its_threads() {
    let host = Host::start();
    let (_client, _) = Client::with_picture(&host.device("pc")).await;
    let worker = host.sessions()[0].worker;
    assert_eq!(status(worker, "Seccomp").as_deref(), Some("2"));
    assert_eq!(status(worker, "NoNewPrivs").as_deref(), Some("1"));
    for task in std::fs::read_dir(format!("/proc/{worker}/task")).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("\nSeccomp:\t2\n") && status.contains("\nSeccomp_filters:\t2\n"), "{status}");
        assert!(status.contains("\nNoNewPrivs:\t1\n") && status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    }
}
