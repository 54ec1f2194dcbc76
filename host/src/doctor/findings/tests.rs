//! Reports of invented facts: what is said of a machine where all is well, and of one where nothing is.

use shoji_evidence::lines::Probe;
use shoji_evidence::network::Contradiction;
use shoji_evidence::report::{Language, Report};
use shoji_evidence::segments::{Segment, Segments, Written};

use super::*;
use crate::doctor::report;

const NOW: u64 = 1_795_000_000;

fn well() -> Facts {
    let segments = Written {
        lgwan: vec!["10.0.0.0/8".into()],
        internet: vec!["192.0.2.0/24".into()],
        management: vec!["198.51.100.0/24".into()],
        boundary: vec!["192.0.2.1".into()],
    };
    Facts {
        now: NOW,
        machine: "host-1".into(),
        segments: Segments::read(&segments).unwrap(),
        contradictions: Ok(Vec::new()),
        lgwan_refused: 1,
        also_allow: Vec::new(),
        forbidden: vec![
            ("10.1.2.3:445".parse().unwrap(), Probe::Silent),
            ("10.1.2.4:445".parse().unwrap(), Probe::NoWay),
        ],
        listen: "192.0.2.7:4433".parse().unwrap(),
        listeners: Ok(Vec::new()),
        messages: 42,
        certificates: vec![("ca.pem", Ok(Some(NOW + 3_000 * DAY))), ("server.pem", Ok(Some(NOW + 300 * DAY)))],
        devices: Ok((120, 0, 0)),
        clock: Ok(true),
        is_root: true,
        sandbox: Ok(()),
        walls: (true, true),
        controllers: Ok(vec!["cpu".into(), "memory".into(), "pids".into()]),
        browser: Ok(("Chromium 156.0.1.2".into(), NOW - 10 * DAY)),
        open_files: (Some(1_048_576), 8_192),
    }
}

fn ill() -> Facts {
    Facts {
        contradictions: Ok(vec![Contradiction::Leg {
            interface: "eth1".into(),
            address: "10.1.2.3".parse().unwrap(),
            prefix: "10.0.0.0/8".parse().unwrap(),
            segment: Segment::Lgwan,
        }]),
        also_allow: vec!["127.0.0.1/32".into()],
        forbidden: vec![
            ("10.1.2.3:445".parse().unwrap(), Probe::Connected),
            ("10.1.2.4:445".parse().unwrap(), Probe::Refused),
        ],
        listeners: Ok(vec!["tcp 0.0.0.0:22".into()]),
        certificates: vec![("ca.pem", Ok(Some(NOW + 5 * DAY))), ("server.pem", Ok(Some(NOW - DAY)))],
        devices: Ok((3, 2, 1)),
        clock: Ok(false),
        is_root: false,
        sandbox: Err("bubblewrap cannot make a sandbox here: no reason given".into()),
        walls: (false, true),
        controllers: Err("no such file".into()),
        browser: Ok(("Chromium 120.0.1.2".into(), NOW - 400 * DAY)),
        open_files: (Some(1_024), 8_192),
        ..well()
    }
}

fn status(facts: &Facts, id: &str) -> Status {
    all(facts).into_iter().find(|finding| finding.id == id).unwrap().status
}

#[test]
fn the_report_of_a_machine_where_all_is_well_is_not_wrong_in_any_line() {
    let report = Report { version: "1.2.3", ..report(&well()) };
    assert!(!report.is_wrong());
    assert_eq!(report.count(Status::Attention), 0);
    insta::assert_snapshot!("well_ja", report.text(Language::Ja));
    insta::assert_snapshot!("well_en", report.text(Language::En));
}

#[test]
fn the_report_of_a_machine_where_nothing_is_well_names_each_next_step() {
    let report = Report { version: "1.2.3", ..report(&ill()) };
    assert!(report.is_wrong());
    for finding in &report.findings {
        let has_step = finding.next.is_some() || finding.status == Status::Fine;
        assert!(has_step, "{}", finding.id);
    }
    insta::assert_snapshot!("ill_ja", report.text(Language::Ja));
    insta::assert_snapshot!("ill_en", report.text(Language::En));
}

#[test]
fn what_was_neither_declared_nor_asked_for_was_not_checked() {
    let facts = Facts { segments: Segments::default(), lgwan_refused: 0, forbidden: Vec::new(), ..well() };
    for id in ["network", "egress", "forbidden", "logs"] {
        assert_eq!(status(&facts, id), Status::NotChecked, "{id}");
    }
}

#[test]
fn a_forbidden_address_that_refuses_was_reached() {
    let forbidden = vec![("10.1.2.3:445".parse().unwrap(), Probe::Refused)];
    assert_eq!(status(&Facts { forbidden, ..well() }, "forbidden"), Status::Wrong);
}

#[test]
fn a_browser_grows_old_by_its_date() {
    for (days, expected) in [(0, Status::Fine), (36, Status::Attention), (91, Status::Wrong)] {
        let browser = Ok(("Chromium".to_owned(), NOW - days * DAY));
        assert_eq!(status(&Facts { browser, ..well() }, "browser"), expected, "{days}");
    }
}

#[test]
fn every_line_is_in_both_languages_and_english_stays_ascii_but_for_what_was_found() {
    for facts in [well(), ill()] {
        for finding in all(&facts) {
            assert!(!finding.title.ja.is_ascii(), "{}", finding.id);
            assert!(finding.title.en.is_ascii() && finding.found.en.is_ascii(), "{}", finding.id);
        }
    }
}
