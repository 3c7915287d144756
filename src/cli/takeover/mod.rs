//! What `adopt`, `state import` and `softsign import` say and ask while another signer's state is taken over.

pub(super) mod consent;
pub(super) mod nearby;
pub(super) mod node_key;
pub(super) mod quiet;
pub(super) mod settle;
pub(super) mod shown;
