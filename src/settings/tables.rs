//! The tables of a configuration and their keys, to say where a key belongs that stands in the wrong one.

/// Each table as it is written in the file, with its keys.
const TABLES: &[(&str, &[&str])] = &[
    (
        "[[chain]]",
        &[
            "id",
            "key_format",
            "state_file",
            "store",
            "allow_ephemeral_state",
            "sign_extensions",
            "raw_bytes",
            "max_gap",
            "max_blocks_per_second",
            "replicas",
            "nodes",
            "sticky_seconds",
            "state_hook",
            "rpc",
            "rpc_ca_file",
            "floor",
            "doppelganger_blocks",
            "doppelganger",
        ],
    ),
    (
        "[[validator]]",
        &[
            "addr",
            "chain_id",
            "reconnect",
            "timeout",
            "secret_key",
            "max_height",
            "protocol_version",
        ],
    ),
    (
        "[[providers.softsign]]",
        &[
            "chain_ids",
            "algorithm",
            "key_type",
            "key_format",
            "passphrase_file",
            "path",
            "activation_height",
            "state_file",
        ],
    ),
    (
        "[[providers.yubihsm]]",
        &[
            "adapter",
            "auth",
            "keys",
            "serial_number",
            "connector_server",
        ],
    ),
    (
        "[[providers.ledgertm]]",
        &[
            "chain_ids",
            "public_key",
            "path",
            "timeout_ms",
            "transport",
            "activation_height",
            "state_file",
        ],
    ),
    (
        "[[providers.cosign]]",
        &[
            "chain_ids",
            "share",
            "passphrase_file",
            "secret_key",
            "listen",
            "members",
        ],
    ),
    (
        "[[providers.cosign.members]]",
        &["id", "addr", "public_share"],
    ),
    ("[metrics]", &["listen", "hosts", "textfile"]),
    ("[log]", &["level", "format"]),
    (
        "[etcd]",
        &[
            "endpoints",
            "ca_file",
            "cert_file",
            "key_file",
            "username",
            "password_file",
            "prefix",
            "plaintext",
        ],
    ),
];

/// The keys of no table.
const FILE: &[&str] = &["control_socket", "lock_dir"];

/// Where a key belongs: `in` one or several tables, or at the top; `None` for a word that is a key nowhere.
pub(super) fn where_it_belongs(key: &str) -> Option<String> {
    if FILE.contains(&key) {
        return Some("at the top of the file, above the first section".to_owned());
    }
    let found = TABLES
        .iter()
        .filter(|(_, keys)| keys.contains(&key))
        .map(|(table, _)| *table);
    let found: Vec<&str> = found.collect();
    (!found.is_empty()).then(|| format!("in {}", found.join(" or ")))
}

/// The header of a table that stands under another one: `[[providers.softsign]]` of `softsign`.
pub(super) fn header_of(name: &str) -> Option<&'static str> {
    TABLES.iter().map(|(table, _)| *table).find(|table| {
        let path = table.trim_matches(['[', ']']);
        path.rsplit_once('.').is_some_and(|(_, last)| last == name)
    })
}
