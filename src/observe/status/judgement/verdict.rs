//! Whether a chain is armed and ready, and why not: one answer for all who ask. `tmkms status`, its JSON and exit code, the
//! page, `/armed` and `/ready`, the metrics and systemd are told from it.

/// What is known of a chain at one moment. Each is `None` where nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Why its key or state is not held.
    pub unarmed: Option<String>,
    /// A request has had no answer for too long.
    pub stuck: Option<String>,
    /// Why its watermark cannot be written.
    pub broken: Option<String>,
    /// Why its key does not sign.
    pub key: Option<String>,
    /// Why none of its devices answers.
    pub devices: Option<String>,
    /// Why the other members of its shared key are too few.
    pub cosigners: Option<String>,
    /// Whether a node is linked.
    pub linked: bool,
    /// The operator's pause, where nothing is signed because of it.
    pub paused: Option<String>,
}

/// What follows from the [`Facts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainVerdict {
    /// Why it is not armed: key and state are held, and the key can sign.
    pub not_armed: Option<String>,
    /// Why it does not sign, links aside.
    pub trouble: Option<String>,
    /// Why it cannot answer a node: its trouble, or that no node is linked, unless it is paused.
    pub not_ready: Option<String>,
    /// That the operator has paused it: nothing is wrong, and it does not sign.
    pub paused: Option<String>,
}

impl ChainVerdict {
    /// The verdict on these facts.
    pub fn of(facts: Facts) -> Self {
        let Facts {
            unarmed,
            stuck,
            broken,
            key,
            devices,
            cosigners,
            linked,
            paused,
        } = facts;
        let not_armed = unarmed.clone().or_else(|| key.clone());
        let own = unarmed.or(stuck).or(broken).or(key).or(devices);
        // Others may be missing without anything being wrong here: it is armed, and cannot answer a node. While nothing is signed on
        // purpose, the others are mostly paused as well.
        let trouble = own.or(cosigners.filter(|_| paused.is_none()));
        // Nobody needs to ask for what is not signed on purpose.
        let unlinked = (!linked && paused.is_none()).then(|| "no node is linked".to_owned());
        Self {
            not_armed,
            not_ready: trouble.clone().or(unlinked),
            trouble,
            paused,
        }
    }
}
