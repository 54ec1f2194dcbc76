//! Which addresses belong to which segment, as an administrator declares it.
//!
//! Owns the section `[segments]` of every configuration and its checks: a prefix that is none, or that two segments claim, is
//! refused here. It must never guess a segment: what is not declared belongs to none.
//!
//! ```
//! use shoji_evidence::segments::{Segment, Segments, Written};
//! let written = Written { lgwan: vec!["10.0.0.0/8".into()], ..Written::default() };
//! let segments = Segments::read(&written).unwrap();
//! assert_eq!(segments.of("10.1.2.3".parse().unwrap()), Some(Segment::Lgwan));
//! ```

use core::fmt;
use core::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Prefixes of one segment. A prefecture's branch offices are some dozens; every one is compared with every route at the start.
pub const PREFIXES: usize = 256;

/// A network zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Where the staff's PCs are (LGWAN接続系).
    Lgwan,
    /// Where hosts and browsers are (インターネット接続系).
    Internet,
    /// From where machines are looked after.
    Management,
}

impl Segment {
    const ALL: [Self; 3] = [Self::Lgwan, Self::Internet, Self::Management];

    /// Its word in configurations and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Lgwan => "lgwan",
            Self::Internet => "internet",
            Self::Management => "management",
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.word())
    }
}

/// `[segments]` as written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    /// Prefixes of the LGWAN segment.
    pub lgwan: Vec<String>,
    /// Prefixes of the internet segment, in which the organisation's hosts are; not those of the internet itself.
    pub internet: Vec<String>,
    /// Prefixes of the network for administration.
    pub management: Vec<String>,
    /// Addresses of the routers through which one segment is reached from the other.
    pub boundary: Vec<String>,
}

/// What is declared, checked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Segments {
    lgwan: Vec<IpNet>,
    internet: Vec<IpNet>,
    management: Vec<IpNet>,
    boundary: Vec<IpAddr>,
}

/// A declaration that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a prefix.
    #[error(
        "segments.{key} has {value:?}, which is no prefix: write one like 10.0.0.0/8 or 2001:db8::/32, or one address; \
         IPv4 in its own form, not within IPv6"
    )]
    Prefix {
        /// The key.
        key: &'static str,
        /// What it has.
        value: String,
    },
    /// Not a router's address.
    #[error("segments.boundary has {0:?}, which is no address: write the address of a router, like 192.0.2.1")]
    Router(String),
    /// More than can be compared.
    #[error("segments.{0} has too many entries: write at most {PREFIXES}, wider ones")]
    Many(&'static str),
    /// Two segments claim the same addresses.
    #[error(
        "segments.{one} has {first} and segments.{other} has {second}, which overlap: an address belongs to one segment, \
         so correct one of them"
    )]
    Overlap {
        /// One segment.
        one: Segment,
        /// Its prefix.
        first: IpNet,
        /// The other segment.
        other: Segment,
        /// Its prefix.
        second: IpNet,
    },
}

impl Segments {
    /// Checks what is written.
    ///
    /// # Errors
    /// Names the first entry that cannot stand.
    pub fn read(written: &Written) -> Result<Self, Error> {
        if written.boundary.len() > PREFIXES {
            return Err(Error::Many("boundary"));
        }
        let router = |text: &String| text.parse().map_err(|_| Error::Router(text.clone()));
        let segments = Self {
            lgwan: prefixes("lgwan", &written.lgwan)?,
            internet: prefixes("internet", &written.internet)?,
            management: prefixes("management", &written.management)?,
            boundary: written.boundary.iter().map(router).collect::<Result<_, _>>()?,
        };
        for (at, one) in Segment::ALL.into_iter().enumerate() {
            for other in Segment::ALL.into_iter().skip(at + 1) {
                let pairs =
                    segments.prefixes(one).iter().flat_map(|a| segments.prefixes(other).iter().map(move |b| (a, b)));
                if let Some((first, second)) = pairs.into_iter().find(|(a, b)| overlap(a, b)) {
                    return Err(Error::Overlap { one, first: *first, other, second: *second });
                }
            }
        }
        Ok(segments)
    }

    /// The prefixes of a segment.
    #[must_use]
    pub fn prefixes(&self, segment: Segment) -> &[IpNet] {
        match segment {
            Segment::Lgwan => &self.lgwan,
            Segment::Internet => &self.internet,
            Segment::Management => &self.management,
        }
    }

    /// The routers between the segments.
    #[must_use]
    pub fn boundary(&self) -> &[IpAddr] {
        &self.boundary
    }

    /// The segment of an address, if it is in a declared one.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<Segment> {
        Segment::ALL.into_iter().find(|segment| self.prefix_of(*segment, address).is_some())
    }

    /// The prefix of this segment that an address is in.
    #[must_use]
    pub fn prefix_of(&self, segment: Segment, address: IpAddr) -> Option<IpNet> {
        let address = address.to_canonical();
        self.prefixes(segment).iter().find(|prefix| prefix.contains(&address)).copied()
    }

    /// Whether nothing is declared.
    #[must_use]
    pub fn are_unknown(&self) -> bool {
        Segment::ALL.into_iter().all(|segment| self.prefixes(segment).is_empty())
    }
}

impl fmt::Display for Segments {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = Segment::ALL.into_iter().filter(|segment| !self.prefixes(*segment).is_empty()).map(|segment| {
            let prefixes = self.prefixes(segment).iter().map(ToString::to_string).collect::<Vec<_>>();
            format!("{segment} {}", prefixes.join(", "))
        });
        to.write_str(&parts.collect::<Vec<_>>().join("; "))
    }
}

/// Two prefixes overlap exactly if one lies in the other.
pub(crate) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

fn prefixes(key: &'static str, texts: &[String]) -> Result<Vec<IpNet>, Error> {
    if texts.len() > PREFIXES {
        return Err(Error::Many(key));
    }
    let read = |text: &String| {
        let prefix = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        // Addresses are compared in their plain form, which such a prefix would never hold.
        let is_mapped = |prefix: &IpNet| matches!(prefix, IpNet::V6(v6) if v6.network().to_ipv4_mapped().is_some());
        let fit = prefix.filter(|prefix| !is_mapped(prefix));
        fit.map(|prefix| prefix.trunc()).ok_or_else(|| Error::Prefix { key, value: text.clone() })
    };
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lgwan: &[&str], internet: &[&str]) -> Written {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Written { lgwan: owned(lgwan), internet: owned(internet), ..Written::default() }
    }

    #[test]
    fn an_address_belongs_to_the_segment_that_declares_it_in_whatever_form_it_comes() {
        let segments = Segments::read(&written(&["10.0.0.0/8", "2001:db8:1::/48"], &["192.0.2.0/24"])).unwrap();
        for (address, segment) in [
            ("10.1.2.3", Some(Segment::Lgwan)),
            ("::ffff:10.1.2.3", Some(Segment::Lgwan)),
            ("2001:db8:1::5", Some(Segment::Lgwan)),
            ("192.0.2.7", Some(Segment::Internet)),
            ("198.51.100.1", None),
        ] {
            assert_eq!(segments.of(address.parse().unwrap()), segment, "{address}");
        }
    }

    #[test]
    fn two_segments_cannot_claim_the_same_addresses() {
        for (lgwan, internet) in
            [("10.0.0.0/8", "10.9.0.0/16"), ("10.9.0.0/16", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1")]
        {
            let error = Segments::read(&written(&[lgwan], &[internet])).unwrap_err();
            assert!(matches!(error, Error::Overlap { one: Segment::Lgwan, other: Segment::Internet, .. }), "{error}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_what_to_write() {
        for wrong in ["10.0.0.0/33", "intra", "", "::ffff:10.0.0.0/104"] {
            let error = Segments::read(&written(&[wrong], &[])).unwrap_err().to_string();
            assert!(error.contains("segments.lgwan") && error.contains("10.0.0.0/8"), "{error}");
        }
        let routers = Written { boundary: vec!["192.0.2.0/24".into()], ..Written::default() };
        assert!(matches!(Segments::read(&routers), Err(Error::Router(_))));
    }

    #[test]
    fn lists_are_bounded() {
        let many = vec!["10.0.0.0/8".to_owned(); PREFIXES + 1];
        let error = Segments::read(&Written { lgwan: many, ..Written::default() }).unwrap_err();
        assert_eq!(error, Error::Many("lgwan"));
    }
}
