//! Secrets in environment variables: `env:NAME`.
//!
//! The environment with which a process was started stays readable in `/proc/PID/environ`, whatever the process does to its
//! variables later. So `start` reads the secrets, executes itself without them and hands them over (`os::process::handover`); from
//! then on they are only in its memory, each once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A variable that holds a secret. The value is never shown.
#[derive(Clone)]
pub struct Variable {
    name: String,
    /// What was handed over; otherwise it is read from the environment.
    held: Option<Arc<Zeroizing<Vec<u8>>>>,
}

impl Variable {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A copy of its value, wiped when dropped; `None` where it is not set.
    pub fn value(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.held {
            Some(held) => Some(Zeroizing::clone(held)),
            None => self.value_in_environment(),
        }
    }

    /// Whether everybody who may read this process's environment finds it there.
    pub fn is_in_environment(&self) -> bool {
        self.value_in_environment().is_some()
    }

    fn value_in_environment(&self) -> Option<Zeroizing<Vec<u8>>> {
        std::env::var_os(&self.name).map(|value| Zeroizing::new(value.into_vec()))
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Variable {}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variable({})", self.name)
    }
}

/// The variables that a configuration names, and the values of those that were handed over.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    handed: BTreeMap<String, Variable>,
    named: RefCell<BTreeMap<String, Variable>>,
}

impl Variables {
    /// The variable of a name, which is remembered.
    pub fn named(&self, name: &str) -> Variable {
        let variable = self.handed.get(name).cloned().unwrap_or(Variable {
            name: name.to_owned(),
            held: None,
        });
        self.named
            .borrow_mut()
            .insert(name.to_owned(), variable.clone());
        variable
    }

    /// Every variable that was asked for, by name.
    pub fn all_named(&self) -> Vec<Variable> {
        self.named.borrow().values().cloned().collect()
    }

    /// Those that [`encode`] wrote. What it did not write is left out.
    pub fn decode(bytes: &[u8]) -> Self {
        let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = pair.split_at(equals);
            let name = String::from_utf8(name.to_vec()).ok()?;
            let held = Arc::new(Zeroizing::new(value.get(1..)?.to_vec()));
            let held = Some(held);
            Some((name.clone(), Variable { name, held }))
        });
        Self {
            handed: pairs.collect(),
            named: RefCell::default(),
        }
    }
}

/// Names and values of those that are set, as the environment itself is written: neither holds a NUL, and no name an `=`.
pub fn encode(variables: &[Variable]) -> Zeroizing<Vec<u8>> {
    let set: Vec<_> = variables
        .iter()
        .filter_map(|variable| Some((variable.name(), variable.value()?)))
        .collect();
    let length = set.iter().map(|(name, value)| name.len() + value.len() + 2);
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.sum()));
    for (name, value) in set {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(&value);
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_what_was_there() {
        let held = |name: &str, value: &[u8]| Variable {
            name: name.to_owned(),
            held: Some(Arc::new(Zeroizing::new(value.to_vec()))),
        };
        let before = [
            held("A", b"one=1"),
            held("EMPTY", b""),
            held("BYTES", &[0xff, b'\n']),
        ];
        let after = Variables::decode(&encode(&before));
        for variable in &before {
            let found = after.named(variable.name());
            assert_eq!(found.value(), variable.value(), "{found:?}");
        }
        assert_eq!(after.all_named().len(), 3);
        assert_eq!(after.named("OTHER_OF_THE_TEST").value(), None);
        for text in [&b""[..], b"\0\0", b"A", b"\xff=1\0"] {
            assert!(Variables::decode(text).handed.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_value_is_never_shown() {
        let variables = Variables::decode(b"A=secret\0");
        variables.named("A");
        let shown = format!("{variables:?} {:?}", variables.named("A"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
