//! The command line: what can be asked of the program, and the commands that need no running host.
//!
//! Every command's `--help` has an example; every error says the cause and the next step.
