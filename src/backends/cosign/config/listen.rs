//! Where a member listens for the others.

use std::net::SocketAddr;

use crate::settings::{Problem, Spanned, TableReader};

/// Reads `listen`; `None` is a problem.
pub(super) fn listen(
    section: &mut TableReader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Spanned<SocketAddr>> {
    let written = section.required("listen", "\"0.0.0.0:26669\"", problems)?;
    let address = written.value.parse::<SocketAddr>().ok();
    let Some(address) = address.filter(|address| address.port() != 0) else {
        problems.push(Problem::at(
            written.span,
            "this is not an address to listen on",
            "expected an IP address and a port",
            "write `listen = \"0.0.0.0:26669\"`, or one IP address of this host with a port; names are not resolved",
        ));
        return None;
    };
    Some(Spanned {
        value: address,
        span: written.span,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    #[test]
    fn an_address_has_an_ip_and_a_port() {
        for (text, good) in [
            ("0.0.0.0:26669", true),
            ("127.0.0.1:1", true),
            ("[::]:26669", true),
            ("0.0.0.0", false),
            ("0.0.0.0:0", false),
            (":26669", false),
            ("localhost:26669", false),
            ("tcp://0.0.0.0:26669", false),
            ("", false),
        ] {
            let line = format!("listen = \"{text}\"");
            let (table, _) = DeTable::parse_recoverable(&line);
            let mut section = TableReader::new("[[providers.cosign]]", 0..0, table.get_ref());
            let mut problems = Vec::new();
            let found = listen(&mut section, &mut problems);
            assert_eq!(found.is_some(), good, "{text}");
            assert_eq!(problems.is_empty(), good, "{text}");
        }
    }
}
