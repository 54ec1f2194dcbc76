//! What the gate passes, printed: the protocol's own list, and the gate's policy on top of it.
//!
//! Owns the words of that list. Its numbers come from the policy itself, so that it cannot say anything else than what is done.

use std::fmt::Write as _;

use super::pace::Class;
use super::relay::Policy;

/// The policy as a table.
pub fn policy(policy: &Policy) -> String {
    let mut text = String::from(
        "# What passes the gate\n\n\
         Every message is decoded to its type and encoded anew. `Hello`, `Welcome`, `Ping`, `Pong` and `Close` end at the gate on both \
         sides. Everything else of the list below passes within these limits.\n\n\
         | from the viewer | a second | a minute |\n|---|---|---|\n",
    );
    for (class, limit) in Class::ALL.into_iter().zip(policy.input.limits) {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "| {} | {} | {} |", class.word(), limit.per_second, limit.per_minute);
    }
    let seconds = policy.input.patience.as_millis() / 1_000;
    let _ = writeln!(text, "\nWhat is over waits in order; after {seconds} s the connection is cut.\n");
    let mode = if policy.pixels {
        "Updates are decoded to pixels in a process without rights, and made anew from those: none of the host's bytes of them passes."
    } else {
        "An update's payload passes as the host made it (`--pixels` makes it anew from its pixels)."
    };
    let _ = writeln!(text, "{mode}\n");
    let _ = writeln!(text, "| from the host | limit |\n|---|---|");
    let _ = writeln!(text, "| bytes of an update | {} |", policy.largest_update);
    let _ = writeln!(text, "| bytes of updates a second | {} |", policy.update_bytes);
    let _ = writeln!(text, "| updates a second | {} |", policy.updates);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_and_every_limit_is_in_the_list() {
        let text = policy(&Policy::default());
        for line in ["| keys | 80 | 1800 |", "| pointer | 300 | 9000 |", "| bytes of an update | 16777216 |"] {
            assert!(text.contains(line), "{text}");
        }
    }
}
