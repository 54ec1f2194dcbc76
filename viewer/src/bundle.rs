//! The device bundle: the one file that makes a PC a known device of a host.
//!
//! Owns the file's format, its checks and the secrets inside it. It must never log, print or serialize the key, and it
//! must refuse a file that other users of the PC can read. It knows no network.
//!
//! ```no_run
//! # fn main() -> Result<(), shoji_viewer::bundle::Error> {
//! let bundle = shoji_viewer::bundle::Bundle::read("pc-012.shoji".as_ref())?;
//! println!("{} connects to {}", bundle.name(), bundle.host());
//! # Ok(())
//! # }
//! ```

use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::Deserialize;

/// A bundle holds three PEM blocks and a few words: 4 kB in practice. Sixteen times that is no bundle of ours.
const MAX_FILE: u64 = 64 * 1024;

/// The version of the file format that this program reads.
const VERSION: u32 = 1;

/// What is wrong with a device bundle. The fault lies with the file, so each says which file to mend or replace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is missing or cannot be read.
    #[error("cannot read the device file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's mode lets other users of this PC read the private key.
    #[error("the device file {path} can be read by other users of this PC (mode {mode:03o}); run: chmod 600 {path}")]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What the file holds is wrong.
    #[error("{path}: {source}")]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<Error>,
    },
    /// Much too large for a bundle.
    #[error("the device file is {0} bytes; a device file has at most {MAX_FILE}")]
    TooLarge(u64),
    /// Not JSON, or a field is missing or unknown.
    #[error("this is no device file: line {line}, column {column}")]
    NotABundle {
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
    },
    /// A newer (or nonsensical) format.
    #[error("the device file has version {0}; this viewer reads version {VERSION}")]
    Version(u32),
    /// A field that holds no usable value.
    #[error("the field `{0}` of the device file is not valid")]
    Field(&'static str),
}

/// The file as written by the host's `device add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    name: String,
    host: String,
    server_name: String,
    ca: String,
    certificate: String,
    key: String,
    not_after: u64,
}

/// A device's identity and where to use it. `Debug` shows no secret.
pub struct Bundle {
    name: String,
    host: String,
    server_name: String,
    authorities: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    not_after: SystemTime,
}

impl Bundle {
    /// Reads and checks a bundle file.
    ///
    /// # Errors
    /// Names what is wrong with the file; expiry is not an error here, see [`Bundle::expired`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let within = |error| Error::In { path: path.to_owned(), source: Box::new(error) };
        let metadata = std::fs::metadata(path).map_err(read)?;
        if metadata.len() > MAX_FILE {
            return Err(within(Error::TooLarge(metadata.len())));
        }
        check_private(path, &metadata)?;
        Self::parse(&std::fs::read(path).map_err(read)?).map_err(within)
    }

    /// Parses the content of a bundle file.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() as u64 > MAX_FILE {
            return Err(Error::TooLarge(json.len() as u64));
        }
        // serde_json's own message may quote the value at fault, and that value may be the key.
        let file: File = serde_json::from_slice(json)
            .map_err(|error| Error::NotABundle { line: error.line(), column: error.column() })?;
        if file.version != VERSION {
            return Err(Error::Version(file.version));
        }
        if file.name.is_empty() || file.name.chars().any(char::is_control) {
            return Err(Error::Field("name"));
        }
        match file.host.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => {}
            _ => return Err(Error::Field("host")),
        }
        if rustls_pki_types::ServerName::try_from(file.server_name.as_str()).is_err() {
            return Err(Error::Field("server_name"));
        }
        Ok(Self {
            authorities: certificates(&file.ca).ok_or(Error::Field("ca"))?,
            chain: certificates(&file.certificate).ok_or(Error::Field("certificate"))?,
            key: PrivateKeyDer::from_pem_slice(file.key.as_bytes()).map_err(|_| Error::Field("key"))?,
            not_after: UNIX_EPOCH.checked_add(Duration::from_secs(file.not_after)).ok_or(Error::Field("not_after"))?,
            name: file.name,
            host: file.host,
            server_name: file.server_name,
        })
    }

    /// The device's name as the administrator gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host, as `address:port` or `name:port`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name that the host's certificate must carry.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// The only authorities that may vouch for the host.
    #[must_use]
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// The device's certificate chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// A copy of the device's private key, for the TLS configuration.
    #[must_use]
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// The end of validity.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether the bundle is past its end at `now`.
    #[must_use]
    pub fn expired(&self, now: SystemTime) -> bool {
        now > self.not_after
    }

    /// The day after which the bundle is of no use, as `2026-11-22` (UTC).
    #[must_use]
    pub fn last_day(&self) -> String {
        day(self.not_after.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400)
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("name", &self.name)
            .field("host", &self.host)
            .field("server_name", &self.server_name)
            .field("last_day", &self.last_day())
            .finish_non_exhaustive()
    }
}

fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    all.ok().filter(|all| !all.is_empty())
}

/// The civil date of a day counted from 1970-01-01, by the proleptic Gregorian calendar.
fn day(days: u64) -> String {
    let (mut year, mut rest) = (1970, days);
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    // 400 years are always 146,097 days; so a far-away date costs no long loop.
    year += rest / 146_097 * 400;
    rest %= 146_097;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if rest < length {
            break;
        }
        rest -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", rest + 1)
}

#[cfg(unix)]
fn check_private(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(Error::ReadableByOthers { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &std::fs::Metadata) -> Result<(), Error> {
    // Files inherit the user's own access list here; there is no mode to check.
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_the_calendar_has_them() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_779), "2026-11-22");
        assert_eq!(day(47_541), "2100-03-01");
        assert_eq!(day(u64::MAX / 86_400).len(), "584554051153-00-00".len());
    }

    #[test]
    fn a_broken_file_is_described_without_quoting_it() {
        let error = Bundle::parse(br#"{"version":1,"key":"SECRET","what":2}"#).expect_err("not a bundle");
        assert!(!error.to_string().contains("SECRET"), "{error}");
        assert!(matches!(error, Error::NotABundle { line: 1, .. }));
    }

    #[cfg(unix)]
    #[test]
    fn a_bundle_that_others_can_read_is_refused_with_the_cure() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).expect("own file");
        let error = Bundle::read(file.path()).expect_err("readable by all");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}
