//! The local certificate authority, the host's own certificate and the devices' bundles.
//!
//! Owns the `pki` folder of the state directory. The authority is made on first run; its key never leaves that
//! folder and is read only to sign. A device's key exists in its bundle alone: the host keeps the certificate's
//! fingerprint and forgets the rest.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use x509_parser::extensions::GeneralName;

use crate::registry::{Device, Fingerprint, Kind, Name};
use crate::web::names::Names;
use crate::{limits, store};

/// The certificate crate's own time type, which has no name here, by way of its only constructor.
macro_rules! moment {
    ($unix_seconds:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs($unix_seconds)
    };
}

/// The name in the host's certificate. Viewers check it instead of an address: hosts move, and an address says nothing.
pub const SERVER_NAME: &str = "shoji-host";

/// The name in a gate's certificate: a gate that was taken over can not pass itself off as a host.
pub const GATE_NAME: &str = "shoji-gate";

/// Making or reading a certificate failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A certificate or key could not be made.
    #[error("cannot make a certificate: {0}: check the machine's date, then try again")]
    Make(#[from] rcgen::Error),
    /// A file of the authority is damaged or missing while others are there.
    #[error(
        "{} is damaged or missing: restore the pki folder from a backup, or remove the folder to begin with a new authority (every device then needs a new bundle)",
        .0.display()
    )]
    Damaged(PathBuf),
    /// More days than allowed.
    #[error("a device certificate can not be valid for {days} days: choose 1 to {high} with --days")]
    Days {
        /// What was asked.
        days: u32,
        /// The most.
        high: u32,
    },
}

/// One file that a viewer needs to connect; holds a private key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Format of this file.
    pub version: u32,
    /// The device's name.
    pub name: String,
    /// Where the host listens, `address:port`.
    pub host: String,
    /// The name to expect in the host's certificate.
    pub server_name: String,
    /// The authority's certificate, PEM.
    pub ca: String,
    /// The device's certificate, PEM.
    pub certificate: String,
    /// The device's private key, PEM.
    pub key: String,
    /// When the certificate ends, seconds since 1970.
    pub not_after: u64,
}

/// The authority, able to sign.
pub struct Authority {
    folder: PathBuf,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What the endpoint presents to viewers.
#[derive(Debug)]
pub struct Identity {
    /// The host's certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// The authority that devices' certificates must come from.
    pub authority: CertificateDer<'static>,
}

impl Authority {
    /// Whether a state directory has an authority.
    pub fn is_there(state: &Path) -> bool {
        state.join("pki").join("ca.pem").exists()
    }

    /// Opens the authority in this state directory, or makes it on first run. Two programs may do so at once.
    pub fn open(state: &Path, now: u64) -> Result<Self, Error> {
        let folder = state.join("pki");
        store::directory(&folder, 0o700)?;
        let _lock = store::Lock::wait(&folder.join("lock"))?;
        let (certificate_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        let (certificate, key) = match (store::read(&certificate_path)?, store::read(&key_path)?) {
            (Some(certificate), Some(key)) => {
                let key = KeyPair::from_pem(&key).map_err(|_| Error::Damaged(key_path))?;
                (certificate, key)
            }
            (None, _) => {
                // The key is written first; a key without certificate is a first run that was cut off.
                let key = KeyPair::generate()?;
                let certificate = authority_parameters(&key, now).self_signed(&key)?.pem();
                store::write(&key_path, key.serialize_pem().as_bytes(), store::PRIVATE)?;
                store::write(&certificate_path, certificate.as_bytes(), store::READABLE)?;
                (certificate, key)
            }
            (Some(_), None) => return Err(Error::Damaged(key_path)),
        };
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(|_| Error::Damaged(certificate_path))?;
        Ok(Self { folder, certificate, issuer })
    }

    /// The authority's certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// SHA-256 of the authority's certificate, as browsers show it.
    pub fn fingerprint(&self) -> Result<Fingerprint, Error> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|_| Error::Damaged(self.folder.join("ca.pem")))?;
        Ok(Fingerprint::of(&certificate))
    }

    /// The host's own certificate and key: read, or made if missing, near its end, or without one of these names. Viewers
    /// look for [`SERVER_NAME`] in it, browsers for what stands in their address bar.
    pub fn identity(&self, now: u64, names: &Names) -> Result<Identity, Error> {
        let (certificate_path, key_path) = (self.folder.join("server.pem"), self.folder.join("server.key"));
        let authority = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|_| Error::Damaged(self.folder.join("ca.pem")))?;
        if let (Some(certificate), Some(key)) = (store::read(&certificate_path)?, store::read(&key_path)?) {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
            if let (Ok(certificate), Ok(key)) = (certificate, key)
                && not_after(&certificate).is_some_and(|end| end > now + days(limits::SERVER_DAYS / 3))
                && carries(&certificate, names)
            {
                return Ok(Identity { certificate, key, authority });
            }
        }
        let key = KeyPair::generate()?;
        // Each as a name or an address, whichever it is, and none twice.
        let browsers = names.iter().filter(|name| *name != SERVER_NAME);
        let mut parameters =
            CertificateParams::new([SERVER_NAME].into_iter().chain(browsers).map(str::to_owned).collect::<Vec<_>>())?;
        parameters.distinguished_name = named("Shoji host");
        parameters.not_before = moment!(now.saturating_sub(CLOCK_SKEW));
        parameters.not_after = moment!(now + days(limits::SERVER_DAYS));
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        store::write(&key_path, key.serialize_pem().as_bytes(), store::PRIVATE)?;
        store::write(&certificate_path, certificate.pem().as_bytes(), store::READABLE)?;
        Ok(Identity {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            authority,
        })
    }

    /// Issues a device's certificate: what the viewer gets, and what the registry keeps.
    pub fn issue(
        &self,
        name: &Name,
        user: &Name,
        host: String,
        valid_days: u32,
        now: u64,
    ) -> Result<(Bundle, Device), Error> {
        if !(1..=limits::MAX_DEVICE_DAYS).contains(&valid_days) {
            return Err(Error::Days { days: valid_days, high: limits::MAX_DEVICE_DAYS });
        }
        self.issue_until(name, user, host, now, now + days(valid_days))
    }

    /// Issues a gate's certificate, which it shows to both sides.
    pub fn issue_gate(
        &self,
        name: &Name,
        user: &Name,
        host: String,
        valid_days: u32,
        now: u64,
    ) -> Result<(Bundle, Device), Error> {
        if !(1..=limits::MAX_DEVICE_DAYS).contains(&valid_days) {
            return Err(Error::Days { days: valid_days, high: limits::MAX_DEVICE_DAYS });
        }
        self.issue_as(Kind::Gate, name, user, host, now, now + days(valid_days))
    }

    /// As [`Self::issue`], until a moment of the caller's choice.
    pub(crate) fn issue_until(
        &self,
        name: &Name,
        user: &Name,
        host: String,
        now: u64,
        not_after: u64,
    ) -> Result<(Bundle, Device), Error> {
        self.issue_as(Kind::Certificate, name, user, host, now, not_after)
    }

    fn issue_as(
        &self,
        kind: Kind,
        name: &Name,
        user: &Name,
        host: String,
        now: u64,
        not_after: u64,
    ) -> Result<(Bundle, Device), Error> {
        let key = KeyPair::generate()?;
        let (names, usages) = match kind {
            Kind::Gate => (
                vec![GATE_NAME.to_owned()],
                vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth],
            ),
            Kind::Certificate | Kind::Web => (Vec::new(), vec![ExtendedKeyUsagePurpose::ClientAuth]),
        };
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name = named(name.as_str());
        parameters.not_before = moment!(now.saturating_sub(CLOCK_SKEW));
        parameters.not_after = moment!(not_after);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = usages;
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        let device = Device {
            user: user.clone(),
            kind,
            fingerprint: Fingerprint::of(certificate.der()),
            issued: now,
            not_after,
            revoked: None,
        };
        let bundle = Bundle {
            version: 1,
            name: name.to_string(),
            host,
            server_name: SERVER_NAME.to_owned(),
            ca: self.certificate.clone(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            not_after,
        };
        Ok((bundle, device))
    }
}

/// A certificate that nobody signed and its key, on P-256, for these seconds since 1970. It says nothing about who shows it:
/// whoever takes it knows it whole. The key is in memory only.
pub(crate) fn self_signed(
    not_before: u64,
    not_after: u64,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut parameters = CertificateParams::new([SERVER_NAME.to_owned()])?;
    parameters.distinguished_name = named("Shoji host, for browsers");
    parameters.not_before = moment!(not_before);
    parameters.not_after = moment!(not_after);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = parameters.self_signed(&key)?;
    Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into())))
}

impl Bundle {
    /// Writes the bundle; only its owner may read it.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self).expect("a bundle is valid JSON");
        Ok(store::write(path, &text, store::PRIVATE)?)
    }
}

/// PCs' clocks are wrong by minutes; a certificate that begins an hour ago works there at once.
const CLOCK_SKEW: u64 = 3_600;

fn days(days: u32) -> u64 {
    u64::from(days) * 86_400
}

fn authority_parameters(key: &KeyPair, now: u64) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    // Each authority has a name of its own: a certificate of another one is then refused as that, not as a forgery.
    let digest = Fingerprint::of(key.public_key_raw()).to_string();
    parameters.distinguished_name = named(&format!("Shoji device authority {}", &digest[..16]));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.not_before = moment!(now.saturating_sub(CLOCK_SKEW));
    parameters.not_after = moment!(now + days(limits::AUTHORITY_DAYS));
    parameters
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// When a certificate ends, seconds since 1970.
/// When a certificate ends, seconds since 1970.
pub(crate) fn not_after(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok()
}

/// Whether a host's certificate has all these names.
fn carries(certificate: &CertificateDer<'_>, names: &Names) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return false };
    let Ok(Some(found)) = parsed.subject_alternative_name() else { return false };
    let found = Names::new(found.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }));
    names.iter().all(|name| found.iter().any(|found| found == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn the_authority_is_made_once_and_its_keys_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let state = tempfile::tempdir().unwrap();
        let first = Authority::open(state.path(), NOW).unwrap();
        let again = Authority::open(state.path(), NOW).unwrap();
        assert_eq!(first.certificate, again.certificate);
        first.identity(NOW, &Names::default()).unwrap();
        for key in ["ca.key", "server.key"] {
            let metadata = std::fs::metadata(state.path().join("pki").join(key)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn the_hosts_certificate_is_kept_until_a_third_of_its_life_is_left() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::open(state.path(), NOW).unwrap();
        let first = authority.identity(NOW, &Names::default()).unwrap();
        let later = authority.identity(NOW + days(200), &Names::default()).unwrap();
        assert_eq!(first.certificate, later.certificate);
        let renewed = authority.identity(NOW + days(300), &Names::default()).unwrap();
        assert_ne!(first.certificate, renewed.certificate);
    }

    #[test]
    fn the_hosts_certificate_has_the_names_that_browsers_use_and_is_made_anew_for_a_new_one() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::open(state.path(), NOW).unwrap();
        let names = Names::new(["localhost", "127.0.0.1", "::1", "shoji.example.lg.jp"]);
        let plain = authority.identity(NOW, &Names::default()).unwrap();
        assert!(!carries(&plain.certificate, &names));
        let first = authority.identity(NOW, &names).unwrap();
        assert!(carries(&first.certificate, &names) && carries(&first.certificate, &Names::new([SERVER_NAME])));
        let fewer = authority.identity(NOW, &Names::new(["localhost"])).unwrap();
        assert_eq!(first.certificate, fewer.certificate);
        let other = authority.identity(NOW, &Names::new(["192.0.2.7"])).unwrap();
        assert_ne!(first.certificate, other.certificate);
    }

    #[test]
    fn a_device_certificate_ends_when_its_record_says() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::open(state.path(), NOW).unwrap();
        let name = |text: &str| text.parse::<Name>().unwrap();
        let host = "192.0.2.1:4433".to_owned();
        let (bundle, device) = authority.issue(&name("pc"), &name("hanako"), host.clone(), 30, NOW).unwrap();
        let certificate = CertificateDer::from_pem_slice(bundle.certificate.as_bytes()).unwrap();
        assert_eq!(not_after(&certificate), Some(NOW + days(30)));
        assert_eq!(device.not_after, bundle.not_after);
        assert_eq!(device.fingerprint, Fingerprint::of(&certificate));
        assert!(authority.issue(&name("pc"), &name("hanako"), host, 5_000, NOW).is_err());
    }
}
