//! The native viewer: the session's canvas in a window on the staff member's PC.
