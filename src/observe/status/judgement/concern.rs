//! What somebody should look at, and the condition of a chain that follows from it.

use super::condition::Condition;
use super::verdict::ChainVerdict;
use crate::observe::status::chain::ChainStatus;
use crate::observe::status::conflict::ConflictStatus;
use crate::observe::status::device::DeviceStatus;
use crate::observe::status::humanize::humanize;
use crate::observe::status::link::{LinkPhase, LinkStatus};
use crate::observe::status::outside::shared::EndpointStatus;
use crate::observe::status::pause::PauseStatus;

/// What somebody should look at while the chain signs.
#[derive(Clone, Debug)]
pub enum Concern<'a> {
    /// A double sign was refused, and nobody has acknowledged that.
    Conflict(&'a ConflictStatus),
    /// The operator has paused it; a pause is easily forgotten.
    Paused(&'a PauseStatus),
    /// A device that holds its key does not answer; another may.
    Device(&'a DeviceStatus),
    /// A node is not linked; another is.
    Node(&'a LinkStatus),
    /// The chain itself says something of our votes, or a node that is asked about it says nothing.
    Chain(String),
    /// A member of etcd does not answer; a majority may.
    Member(&'a EndpointStatus),
    /// Something about the other hosts that have shares of its key.
    Cosigners(String),
}

impl Concern<'_> {
    /// In one line, for people.
    pub fn line(&self) -> String {
        match self {
            Self::Conflict(conflict) => format!("double sign refused: {}", conflict.line()),
            Self::Paused(paused) => paused.line(),
            Self::Device(device) => match &device.trouble {
                Some(why) => format!("{} is down: {why}", device.title()),
                None => format!("{} is down", device.title()),
            },
            Self::Node(link) => {
                let since = humanize(link.since_seconds);
                let why = link.trouble.as_ref().map(|told| &told.message);
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                format!("{} is not linked, for {since}{why}", link.addr)
            }
            Self::Chain(told) | Self::Cosigners(told) => told.clone(),
            Self::Member(member) => {
                let why = member.trouble.as_deref().unwrap_or("it does not answer");
                format!("etcd's member {} is down: {why}", member.name)
            }
        }
    }
}

impl ChainStatus {
    /// What somebody should look at, the most urgent first.
    pub fn concerns(&self) -> Vec<Concern<'_>> {
        let mut concerns: Vec<Concern<'_>> = self.conflicts.iter().map(Concern::Conflict).collect();
        let serious = self.cosigners.iter().flat_map(|seen| seen.serious());
        concerns.extend(serious.map(Concern::Cosigners));
        concerns.extend(self.paused_now().map(Concern::Paused));
        let devices = self.devices.iter().filter(|device| !device.up);
        let devices = devices.filter(|device| !self.is_told(device));
        concerns.extend(devices.map(Concern::Device));
        let is = |phase| move |link: &&LinkStatus| link.state == phase;
        if self.links.iter().any(|link| link.state == LinkPhase::Up) {
            let down = self.links.iter().filter(is(LinkPhase::Down));
            concerns.extend(down.map(Concern::Node));
        }
        let chain = self.rpc.iter().flat_map(|rpc| rpc.concerns(self.height));
        concerns.extend(chain.map(Concern::Chain));
        let members = self.shared.iter().flat_map(|shared| &shared.endpoints);
        let down = members.filter(|member| member.trouble.is_some());
        concerns.extend(down.map(Concern::Member));
        let cosigners = self.cosigners.iter().flat_map(|seen| seen.concerns());
        let why = self.not_ready.as_deref().unwrap_or_default();
        let untold = cosigners.filter(|told| !why.contains(told.as_str()));
        concerns.extend(untold.map(Concern::Cosigners));
        concerns
    }

    /// Whether the reason why the chain is not ready is that of this device: nobody is to read it twice.
    fn is_told(&self, device: &DeviceStatus) -> bool {
        let its = device.trouble.as_ref().unwrap_or(&device.name);
        let why = self.not_ready.as_ref();
        why.is_some_and(|why| why.contains(its.as_str()))
    }

    /// Why it cannot answer a node, if so; where no node is linked, with what became of each.
    pub fn why_not_ready(&self) -> Option<String> {
        let why = self.not_ready.clone()?;
        if self.trouble.is_some() {
            return Some(why);
        }
        let down = self.links.iter().filter_map(|link| {
            let told = link.trouble.as_ref()?;
            Some(format!("; {}: {}", link.addr, told.message))
        });
        Some(down.fold(why, |why, link| why + &link))
    }

    /// The same chain with this verdict, and the [`Condition`] that follows.
    pub fn with(mut self, verdict: ChainVerdict) -> Self {
        self.armed = verdict.not_armed.is_none();
        self.not_armed = verdict.not_armed;
        self.not_ready = verdict.not_ready;
        self.trouble = verdict.trouble;
        self.judged()
    }

    /// The same chain with its [`Condition`], which follows from all else. What a service of before does not tell is
    /// filled in.
    pub fn judged(mut self) -> Self {
        if !self.armed && self.not_armed.is_none() {
            let why = self.trouble.clone();
            self.not_armed = Some(why.unwrap_or_else(|| "it is not armed".to_owned()));
        }
        self.condition = match (&self.not_ready, self.concerns().is_empty()) {
            (Some(_), _) => Condition::NotReady,
            (None, false) => Condition::Attention,
            (None, true) => Condition::Ready,
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::status::link::LastError;
    use crate::observe::status::outside::cosigner::CosignerStatus;
    use crate::observe::status::outside::cosigners::CosignersStatus;
    use crate::observe::status::outside::shared::SharedStatus;

    fn link(state: LinkPhase) -> LinkStatus {
        let json = serde_json::json!({
            "addr": "tcp://a:1", "state": state, "since_seconds": 7200, "connects": 0, "signed": 0,
            "replayed": 0, "raw_signed": 0, "refused": 0, "failed": 0,
        });
        serde_json::from_value(json).unwrap()
    }

    fn lines(chain: &ChainStatus) -> Vec<String> {
        chain.concerns().iter().map(Concern::line).collect()
    }

    #[test]
    fn a_node_that_is_down_is_a_concern_beside_one_that_is_up() {
        let with = |states: &[LinkPhase]| ChainStatus {
            links: states.iter().map(|state| link(*state)).collect(),
            ..ChainStatus::default()
        };
        let (up, down, dialling) = (LinkPhase::Up, LinkPhase::Down, LinkPhase::Dialling);
        assert_eq!(
            lines(&with(&[up, down])),
            ["tcp://a:1 is not linked, for 2 h"]
        );
        for states in [&[up, up][..], &[up, dialling], &[down, down], &[down]] {
            assert!(lines(&with(states)).is_empty(), "{states:?}");
        }
    }

    #[test]
    fn what_became_of_a_link_is_told_with_its_cause() {
        let failed = |why: &str| LinkStatus {
            trouble: Some(LastError {
                message: why.to_owned(),
                ..LastError::default()
            }),
            ..link(LinkPhase::Down)
        };
        // Beside one that is up.
        let chain = ChainStatus {
            links: vec![link(LinkPhase::Up), failed("no route")],
            ..ChainStatus::default()
        };
        let told = "tcp://a:1 is not linked, for 2 h: no route";
        assert_eq!(lines(&chain), [told]);
        assert_eq!(chain.why_not_ready(), None);
        // And where none is.
        let mut chain = ChainStatus {
            not_ready: Some("no node is linked".to_owned()),
            links: vec![
                failed("refused"),
                failed("no route"),
                link(LinkPhase::Dialling),
            ],
            ..ChainStatus::default()
        };
        assert!(lines(&chain).is_empty());
        let told = "no node is linked; tcp://a:1: refused; tcp://a:1: no route";
        assert_eq!(chain.why_not_ready().as_deref(), Some(told));
        // What keeps the chain from signing is the cause then.
        chain.trouble = Some("no key".to_owned());
        chain.not_ready = chain.trouble.clone();
        assert_eq!(chain.why_not_ready().as_deref(), Some("no key"));
    }

    #[test]
    fn a_device_is_no_concern_where_it_is_the_reason_already() {
        let device = |name: &str, trouble: Option<&str>| DeviceStatus {
            name: name.to_owned(),
            trouble: trouble.map(str::to_owned),
            ..DeviceStatus::default()
        };
        let mut chain = ChainStatus {
            devices: vec![device("one", Some("unplugged")), device("two", None)],
            ..ChainStatus::default()
        };
        assert_eq!(lines(&chain).len(), 2);
        for (why, left) in [
            ("one: unplugged; two: not in use yet", 0),
            ("the key cannot be opened: unplugged", 1),
            ("stuck", 2),
        ] {
            chain.not_ready = Some(why.to_owned());
            assert_eq!(lines(&chain).len(), left, "{why}");
        }
    }

    #[test]
    fn members_that_are_too_few_are_told_once_and_one_that_runs_twice_before_all_else() {
        let other = |id, up| CosignerStatus {
            id,
            address: "a:1".to_owned(),
            up,
            runs_twice: up,
            ..CosignerStatus::default()
        };
        let cosigners = |others| CosignersStatus {
            own: 1,
            threshold: 2,
            others,
            ..CosignersStatus::default()
        };
        let few = cosigners(vec![other(2, false), other(3, false)]);
        let why = few.too_few().unwrap();
        let mut chain = ChainStatus {
            cosigners: Some(few),
            not_ready: Some(format!("{why}; `x` shows the links")),
            ..ChainStatus::default()
        };
        assert!(lines(&chain).is_empty(), "{:?}", lines(&chain));
        chain.not_ready = Some("stuck".to_owned());
        assert_eq!(lines(&chain), [why]);
        let chain = ChainStatus {
            cosigners: Some(cosigners(vec![other(2, true), other(3, false)])),
            paused: Some(PauseStatus {
                in_effect: true,
                ..PauseStatus::default()
            }),
            ..ChainStatus::default()
        };
        let told = lines(&chain);
        assert!(told[0].starts_with("two processes have"), "{told:?}");
        assert!(told[2].starts_with("2 of 3 members there"), "{told:?}");
        assert!(told[3].starts_with("member 3 (a:1) is down"), "{told:?}");
        assert_eq!(chain.judged().condition, Condition::Attention);
    }

    #[test]
    fn a_device_has_its_serial_number_and_a_member_of_etcd_its_address() {
        let device = |name: &str, serial: Option<&str>| DeviceStatus {
            name: name.to_owned(),
            serial: serial.map(str::to_owned),
            trouble: Some("unplugged".to_owned()),
            ..DeviceStatus::default()
        };
        let member = |name: &str, trouble: Option<&str>| EndpointStatus {
            name: name.to_owned(),
            trouble: trouble.map(str::to_owned),
        };
        let chain = ChainStatus {
            devices: vec![
                device("YubiHSM at h:1", Some("0012345678")),
                device("YubiHSM 0012345679 (USB)", Some("0012345679")),
                device("Ledger", None),
            ],
            shared: Some(SharedStatus {
                endpoints: vec![member("https://a", None), member("https://b", Some("late"))],
                ..SharedStatus::default()
            }),
            ..ChainStatus::default()
        };
        let told = lines(&chain);
        assert_eq!(
            told,
            [
                "YubiHSM at h:1 (serial 0012345678) is down: unplugged",
                "YubiHSM 0012345679 (USB) is down: unplugged",
                "Ledger is down: unplugged",
                "etcd's member https://b is down: late",
            ]
        );
        assert_eq!(chain.judged().condition, Condition::Attention);
    }
}
