//! Seconds since 1970 as a person writes them, in UTC.
//!
//! Owns that one conversion, for reports. It must never be used to compare times.

/// `2026-11-23 16:40 UTC`.
#[must_use]
pub fn minute(seconds: u64) -> String {
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{} {hour:02}:{minute:02} UTC", day(seconds))
}

/// `2026-11-23`.
#[must_use]
pub fn day(seconds: u64) -> String {
    // The calendar repeats itself every 400 years, which are 146,097 days. Counted from a first of March, the leap day comes last
    // and the months follow one formula.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_the_calendar_has_them() {
        for (days, text) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_779, "2026-11-22"), (47_541, "2100-03-01")]
        {
            assert_eq!(day(days * 86_400), text);
        }
        assert_eq!(minute(86_400 + 3_660), "1970-01-02 01:01 UTC");
    }
}
