//! No file, no port, no foreign process: Landlock.
//!
//! Owns the empty rule set. It must never get a rule: what the worker needs of the file system it reads before.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetStatus, Scope,
};

use super::Error;

/// Whether this kernel has Landlock, switched on.
pub(super) fn are_known() -> bool {
    // A rule set is made and let go; nothing is confined by that.
    let asked =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(ABI::V1));
    asked.and_then(Ruleset::create).is_ok()
}

/// From now on this thread opens nothing by its path, uses no TCP port, connects to no abstract socket and signals nobody
/// outside. What it holds open it keeps. An older kernel knows a part of that, and enforces that part.
pub(super) fn close() -> Result<(), Error> {
    let held = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V7))?
        .handle_access(AccessNet::from_all(ABI::V7))?
        .scope(Scope::from_all(ABI::V7))?
        .create()?
        .restrict_self()?;
    if held.ruleset == RulesetStatus::NotEnforced && matches!(held.landlock, LandlockStatus::Available { .. }) {
        return Err(Error::FilesOpen);
    }
    Ok(())
}
