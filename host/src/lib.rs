//! The host program of Shoji: sockets, admission, sessions and their browsers.
//!
//! `shoji-host serve` is the supervisor: it owns the network, decides who gets a session and relays frames. Each session is
//! a process of its own, `shoji-host worker`, with the compositor and the codec in it, and a browser in a sandbox. The
//! supervisor must never look at pixels; a worker must never see the network or another session.
//!
//! Reading order: [`cli`], [`serve`], [`worker`], [`browser`].

pub mod addresses;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod doctor;
pub mod egress;
pub mod enrolment;
pub mod gate;
pub mod label;
pub mod limits;
pub mod network;
pub mod pages;
pub mod pki;
pub mod registry;
pub mod seldom;
pub mod serve;
pub mod source;
pub mod spawner;
pub mod state;
pub mod store;
pub mod tls;
pub mod trace;
pub mod web;
pub mod worker;
