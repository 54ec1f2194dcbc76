//! The system calls that are left: seccomp.
//!
//! Owns how a [`List`] becomes filters. Whatever is not on it ends the process at once. A list must never name a call that
//! makes a process, a namespace or memory to be run, opens a path, or looks into another process.
//!
//! ```text
//! allowed    what is on the list, with the arguments that it says
//! refused    what libraries try and can do without: the call fails, and the process goes on
//! all else   ends the process (SIGSYS)
//! ```

use std::collections::BTreeMap;

use rustix::io::Errno;
use seccompiler::{
    BackendError, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::Error;

/// What a process may call.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// Calls by number, with any arguments.
    pub allowed: &'a [i64],
    /// Calls that may have these arguments; several for one call are alternatives.
    pub conditional: &'a [When],
    /// Calls that fail with `EPERM` and do nothing else.
    pub refused: &'a [i64],
}

/// A call whose argument `index`, of which only `mask` counts, has to be `value`.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The call.
    pub call: i64,
    /// Which argument, from 0.
    pub index: u8,
    /// Which of its lower 32 bits count.
    pub mask: u32,
    /// What they have to be.
    pub value: u32,
}

impl When {
    /// The argument has to be this value.
    pub const fn is(call: i64, index: u8, value: u32) -> Self {
        Self { call, index, mask: u32::MAX, value }
    }

    /// The argument must have none of these bits.
    pub const fn lacks(call: i64, index: u8, bits: u32) -> Self {
        Self { call, index, mask: bits, value: 0 }
    }

    fn rule(self) -> Result<SeccompRule, BackendError> {
        let bits = Op::MaskedEq(self.mask.into());
        SeccompRule::new(vec![SeccompCondition::new(self.index, Length::Dword, bits, self.value.into())?])
    }
}

/// Whether this kernel can filter system calls.
pub(super) fn are_known() -> bool {
    rustix::thread::secure_computing_mode().is_ok()
}

/// From now on every thread of this process makes no other calls than those of the list.
pub(super) fn close(list: &List<'_>) -> Result<(), Error> {
    if !are_known() {
        return Ok(());
    }
    // Of several filters the strictest answer counts, so the one that ends the process has to let the refused ones through. It
    // comes last, since it allows no further filter.
    let refused = all_of(list.refused);
    let mut known = all_of(list.allowed);
    for condition in list.conditional {
        known.entry(condition.call).or_default().push(condition.rule()?);
    }
    known.extend(refused.clone());
    let known = filter(known, SeccompAction::KillProcess, SeccompAction::Allow)?;
    let refused = filter(refused, SeccompAction::Allow, SeccompAction::Errno(Errno::PERM.raw_os_error() as u32))?;
    apply_filter_all_threads(&refused)?;
    apply_filter_all_threads(&known)?;
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn filter(rules: Rules, other: SeccompAction, these: SeccompAction) -> Result<Vec<seccompiler::sock_filter>, Error> {
    let here = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, other, these, here)?.try_into()?)
}

fn all_of(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}
