//! Owns the conversation with a browser over its debugging pipe: commands, their answers, and the few events that are asked for.
//!
//! The pipe (file descriptors 3 and 4 of the browser) is nobody's but ours: no port is opened. Must never be given to the browser
//! whose pages are looked at: only to the one that the viewer runs in.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

/// No command of ours takes longer, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// One message. The largest that is asked for is a page's answer of some numbers; events may name whole requests.
const MOST_BYTES: u64 = 4 << 20;
/// Messages that wait until they are looked at. Beyond them the browser waits.
const MOST_WAITING: usize = 1024;

/// A browser's page could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The browser has ended.
    #[error(
        "the web viewer's browser has ended during '{0}'; look at its last words below, and whether memory is short"
    )]
    Ended(String),
    /// It does not answer.
    #[error("the web viewer's browser did not answer '{0}' within {seconds} s; is the machine overloaded?", seconds = .1.as_secs())]
    Silent(String, Duration),
    /// It refused.
    #[error("the web viewer's browser refused '{0}': {1}; is it a Chromium of version 100 or newer?")]
    Refused(String, String),
}

/// What the browser tells by itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    /// Its name.
    pub(super) method: String,
    /// What it says.
    #[serde(default)]
    pub(super) params: Value,
}

#[derive(Debug, Deserialize)]
struct Message {
    id: Option<u64>,
    #[serde(default)]
    result: Value,
    error: Option<Value>,
    #[serde(flatten)]
    event: Option<Event>,
}

/// The conversation.
#[derive(Debug)]
pub(super) struct Devtools {
    input: ChildStdin,
    messages: Receiver<Message>,
    events: VecDeque<Event>,
    number: u64,
}

impl Devtools {
    /// Talks over both ends of a browser's pipe.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn new(input: ChildStdin, output: ChildStdout) -> std::io::Result<Self> {
        let (tell, messages) = sync_channel(MOST_WAITING);
        // Ends with the browser: its end of the pipe closes then.
        std::thread::Builder::new().name("devtools".into()).spawn(move || read(output, &tell))?;
        Ok(Self { input, messages, events: VecDeque::new(), number: 0 })
    }

    /// Gives a command to the browser, or to one of its targets, and waits for the answer.
    ///
    /// # Errors
    /// If it refuses, is silent or has ended.
    pub(super) fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value, Error> {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).map_err(|_| Error::Ended(method.to_owned()))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let message = match self.messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => return Err(Error::Silent(method.to_owned(), PATIENCE)),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Ended(method.to_owned())),
            };
            if message.id == Some(self.number) {
                return match message.error {
                    Some(error) => Err(Error::Refused(method.to_owned(), error.to_string())),
                    None => Ok(message.result),
                };
            }
            self.keep(message);
        }
    }

    /// What the browser told meanwhile, oldest first.
    pub(super) fn events(&mut self) -> Vec<Event> {
        while let Ok(message) = self.messages.try_recv() {
            self.keep(message);
        }
        self.events.drain(..).collect()
    }

    fn keep(&mut self, message: Message) {
        let Some(event) = message.event else { return };
        // Only what somebody asked for comes, and is then looked at; the oldest is of the least use.
        if self.events.len() == MOST_WAITING {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

fn read(output: ChildStdout, tell: &SyncSender<Message>) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match output.by_ref().take(MOST_BYTES).read_until(0, &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if bytes.pop() != Some(0) {
            // Cut off, or larger than anything that we asked for.
            return;
        }
        if let Ok(message) = serde_json::from_slice(&bytes)
            && tell.send(message).is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// A browser that says some lines once it hears the first command, and ends.
    fn browser(answers: &str) -> Devtools {
        let script = r#"head -c 1 >/dev/null; printf '%s\n' "$1" | tr '\n' '\0'"#;
        let mut child = Command::new("sh")
            .args(["-c", script, "sh", answers])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let devtools = Devtools::new(child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        // It ends by itself once everything is said.
        std::thread::spawn(move || child.wait());
        devtools.expect("a thread starts")
    }

    #[test]
    fn an_answer_is_told_from_events_which_are_kept() {
        let mut browser = browser("{\"method\":\"Some.event\",\"params\":{\"n\":7}}\n{\"id\":1,\"result\":{\"a\":2}}");
        let answer = browser.call(None, "Some.command", json!({})).expect("it answers");
        assert_eq!(answer, json!({ "a": 2 }));
        let events = browser.events();
        assert_eq!((events.len(), events[0].method.as_str()), (1, "Some.event"));
        assert_eq!(events[0].params["n"], 7);
    }

    #[test]
    fn a_refusal_and_an_end_are_named_with_the_command() {
        let mut browser = browser("{\"id\":1,\"error\":{\"message\":\"no such thing\"}}");
        let refused = browser.call(None, "Some.command", json!({})).expect_err("it refuses").to_string();
        assert!(refused.contains("Some.command") && refused.contains("no such thing"), "{refused}");
        let ended = browser.call(None, "Other.command", json!({})).expect_err("it has ended").to_string();
        assert!(ended.contains("Other.command"), "{ended}");
    }
}
