//! What errors of TLS mean to an operator, in the words of the settings that name the service.

use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error};

use crate::text::date::Date;
use crate::text::excerpt::brief;

/// How much of the names in a stranger's certificate is shown, in bytes.
const LONGEST_NAMES: usize = 200;

/// What the settings of a service are called. Each of them ends a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsWords {
    /// "its certificate was not issued by …"
    pub issuer: &'static str,
    /// "the name in … must be one of its subjectAltNames"
    pub name: &'static str,
    /// "it asks for a client certificate; …"
    pub no_client: &'static str,
    /// "it does not accept our client certificate …"; `None` where we have none to show.
    pub client: Option<&'static str>,
}

/// Whether this error can only end a handshake in which we judged the other side, so that no request has left.
pub(super) fn ends_a_handshake(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented | Error::PeerIncompatible(_)
    )
}

/// What a TLS error means to an operator.
pub(super) fn in_words(error: &Error, words: &TlsWords) -> String {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error, words),
        Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
        ) => format!("it asks for a client certificate; {}", words.no_client),
        Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown),
        ) => match words.client {
            Some(client) => {
                format!("it does not accept our client certificate {client} ({alert:?})")
            }
            None => format!(
                "it asks for a client certificate ({alert:?}); {}",
                words.no_client
            ),
        },
        Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "it speaks no TLS of version 1.2 or 1.3".to_owned()
        }
        Error::InvalidMessage(_) => {
            "what answers there speaks no TLS; `https://` needs the port on which it does"
                .to_owned()
        }
        other => format!("TLS: {other}"),
    }
}

fn of_certificate(error: &CertificateError, words: &TlsWords) -> String {
    let other_name = |names: &str| {
        format!(
            "its certificate is for another name{names}; the name in {} must be one of its subjectAltNames",
            words.name
        )
    };
    match error {
        // An authority of the same name with another key comes out as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("its certificate was not issued by {}", words.issuer)
        }
        CertificateError::Expired => {
            "its certificate has expired (or this host's clock is wrong)".to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate has expired, at {} (or this host's clock is wrong); it must be renewed there",
            Date::of(Duration::from_secs(not_after.as_secs()))
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet (or this host's clock is wrong)".to_owned()
        }
        CertificateError::NotValidForName => other_name(""),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = presented.join(", ");
            other_name(&format!(" ({})", brief(&names, LONGEST_NAMES)))
        }
        // rustls has no kind for it.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority, as openssl req -x509 makes it, and not of a server; it needs one with \
             `basicConstraints=CA:FALSE`"
                .to_owned()
        }
        other => format!("its certificate cannot be used: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_names_the_settings_of_the_service() {
        let words = TlsWords {
            issuer: "the authority in `a`",
            name: "`b`",
            no_client: "set `c`",
            client: None,
        };
        let of = |error: CertificateError| in_words(&Error::InvalidCertificate(error), &words);
        assert_eq!(
            of(CertificateError::UnknownIssuer),
            "its certificate was not issued by the authority in `a`"
        );
        assert!(of(CertificateError::NotValidYet).contains("not valid yet"));
        // What a stranger sends is cut.
        let long = CertificateError::NotValidForNameContext {
            expected: "localhost".try_into().unwrap(),
            presented: vec!["DnsName(\"x\")".to_owned(); 10_000],
        };
        let told = of(long);
        assert!(
            told.len() < 400 && told.contains("the name in `b`"),
            "{told}"
        );
        let alert = in_words(&Error::AlertReceived(AlertDescription::UnknownCA), &words);
        assert_eq!(
            alert,
            "it asks for a client certificate (UnknownCA); set `c`"
        );
    }
}
