//! The one table of all carriers, `tests/CARRIERS.md`, against both halves of it: what is asked has the same name in each.

use std::fs;

use shoji_tests::project;

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the table says is asked, but for its row about distance and loss, which is a column of each half.
fn asked() -> Vec<String> {
    let table = read("tests/CARRIERS.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let names = rows.map(|(name, _)| name.to_owned());
    names.filter(|name| name != "what is asked" && !name.starts_with("all of it far")).collect()
}

#[test]
fn what_is_asked_of_all_carriers_has_one_name_in_both_viewers_tests() {
    let native = read("tests/tests/end_to_end/carriers.rs") + &read("tests/tests/end_to_end/links.rs");
    let web = read("viewer/web/test/real.test.ts");
    let asked = asked();
    assert!(asked.len() >= 6, "the table was not found");
    for name in asked {
        let function = name.to_lowercase().replace(' ', "_");
        assert!(native.contains(&format!("fn {function}(")), "the native viewer's half lacks: {name}");
        assert!(web.contains(&format!("it('{name}")), "the web viewer's half lacks: {name}");
    }
}

#[test]
fn whatever_one_viewer_is_asked_over_all_its_carriers_is_in_the_table() {
    let native = read("tests/tests/end_to_end/carriers.rs");
    let bodies = native.split("\ntable! {").nth(1).and_then(|rest| rest.split('}').next()).expect("there is a table");
    let table = read("tests/CARRIERS.md").to_lowercase();
    for body in bodies.lines().filter_map(|line| line.trim().strip_suffix(';')) {
        assert!(table.contains(body) || table.contains(&body.replace('_', " ")), "tests/CARRIERS.md lacks: {body}");
    }
}
