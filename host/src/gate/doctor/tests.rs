//! Reports of invented facts.

use shoji_evidence::report::Language;
use shoji_evidence::segments::Written;

use super::*;

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
        machine: "gate-1".into(),
        segments: Segments::read(&segments).unwrap(),
        contradictions: Ok(Vec::new()),
        forwards: Ok(false),
        forbidden: vec![("10.1.2.3:445".parse().unwrap(), lines::Probe::Silent)],
        listen: "10.0.0.7:4433".parse().unwrap(),
        listeners: Ok(Vec::new()),
        identity: Ok(NOW + 300 * DAY),
        host: Ok("192.0.2.7:4433".into()),
        pixels: true,
        devices: 0,
        clock: Ok(true),
        walls: (true, true),
        open_files: (Some(1_048_576), 4_096),
    }
}

fn ill() -> Facts {
    Facts {
        forwards: Ok(true),
        identity: Ok(NOW - DAY),
        host: Err("192.0.2.7:4433: connection refused".into()),
        pixels: false,
        devices: 3,
        ..well()
    }
}

fn status(facts: &Facts, id: &str) -> Status {
    facts.findings().into_iter().find(|finding| finding.id == id).unwrap().status
}

fn report(facts: &Facts) -> Report {
    Report { version: "1.2.3", ..facts.report() }
}

#[test]
fn the_report_of_a_gate_where_all_is_well_is_not_wrong_in_any_line() {
    assert!(!report(&well()).is_wrong());
    insta::assert_snapshot!("well_ja", report(&well()).text(Language::Ja));
    insta::assert_snapshot!("well_en", report(&well()).text(Language::En));
}

#[test]
fn a_gate_that_is_a_router_too_or_cannot_do_its_work_is_wrong() {
    for id in ["forwarding", "certificate", "host"] {
        assert_eq!(status(&ill(), id), Status::Wrong, "{id}");
    }
    insta::assert_snapshot!("ill_ja", report(&ill()).text(Language::Ja));
    insta::assert_snapshot!("ill_en", report(&ill()).text(Language::En));
}

#[test]
fn what_could_not_be_seen_is_not_fine() {
    let facts = Facts { forwards: Err("no such file".into()), ..well() };
    assert_eq!(status(&facts, "forwarding"), Status::NotChecked);
    let facts = Facts { identity: Err("there is no such file".into()), ..well() };
    assert_eq!(status(&facts, "certificate"), Status::Wrong);
}

#[test]
fn a_certificate_that_ends_soon_is_told_before() {
    let facts = Facts { identity: Ok(NOW + 5 * DAY), ..well() };
    assert_eq!(status(&facts, "certificate"), Status::Attention);
}
