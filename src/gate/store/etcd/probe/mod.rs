//! What `check` asks of a cluster, and what it makes of the answers.

mod version;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use crate::consensus::{ChainId, PublicKey};
use crate::gate::store::etcd::cas::{name_of, read_through};
use crate::gate::store::etcd::client::api::{
    ALARM, AlarmAnswer, MEMBERS, MembersAnswer, STATUS, StatusAnswer,
};
use crate::gate::store::etcd::client::members::Session;
use crate::gate::store::etcd::settings::{EtcdSettings, EtcdSettingsError};
use crate::https::{Tls, certificate, certificate_of};
use crate::text::count::count as things;

use version::{Support, Version};

/// How many transactions that change nothing are timed.
const TRANSACTIONS: usize = 50;
/// A vote over etcd takes about as long as one of them; above this it is slow.
const SLOW: Duration = Duration::from_millis(25);
/// A certificate that ends sooner is worth a warning.
const SOON: Duration = Duration::from_secs(30 * 86_400);
/// How far clocks may be apart: certificates and records are judged by them.
const APART: Duration = Duration::from_secs(5);
/// How long one member's certificate is waited for.
const LIMIT: Duration = Duration::from_secs(2);

/// One endpoint.
#[derive(Clone, Debug, Default)]
pub struct MemberReport {
    /// Its address.
    pub endpoint: String,
    /// Why it did not take part in a transaction, if so.
    pub trouble: Option<String>,
    /// Its version.
    pub version: Option<Version>,
    /// Whether it knows a leader.
    pub has_leader: Option<bool>,
    /// The size of its database and the limit.
    pub database: Option<(u64, u64)>,
    /// How far its clock is from ours.
    pub clock_off: Option<Duration>,
    /// When its certificate ends, since 1970-01-01 UTC; or why that is not known.
    pub certificate: Option<Result<Duration, String>>,
}

/// A cluster as `check` sees it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The endpoints of the configuration.
    pub members: Vec<MemberReport>,
    /// How many members vote, and on how many machines; where the user may ask.
    pub voters: Option<(usize, usize)>,
    /// The alarms that are up.
    pub alarms: Vec<String>,
    /// What transactions took, the fastest first.
    pub took: Vec<Duration>,
    /// When our own certificate and the authority's end, since 1970-01-01 UTC.
    pub certificates: Vec<(&'static str, Duration)>,
    /// The wall clock when it was asked, since 1970-01-01 UTC.
    pub now: Duration,
}

/// Asks every member.
///
/// # Errors
/// Certificates or the password cannot be read.
pub fn probe(
    settings: &EtcdSettings,
    chain_id: &ChainId,
    public_key: &PublicKey,
) -> Result<Report, EtcdSettingsError> {
    let (tls, credentials) = (settings.tls()?, settings.credentials()?);
    let key = name_of(&settings.prefix, chain_id, public_key);
    let mut report = Report {
        now: SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
        certificates: tls.iter().flat_map(our_certificates).collect(),
        ..Report::default()
    };
    for endpoint in &settings.endpoints {
        let mut session = Session::new(endpoint, tls.as_ref(), credentials.clone());
        let mut member = MemberReport {
            endpoint: endpoint.clone(),
            ..MemberReport::default()
        };
        look(&mut session, &mut member, report.now);
        if let Some(tls) = &tls {
            let shown = certificate_of(endpoint, tls, LIMIT);
            member.certificate = Some(shown.and_then(|der| {
                certificate::not_after(&der).ok_or_else(|| "its end cannot be read".to_owned())
            }));
        }
        let first = read_through(&mut session, &key, &settings.prefix);
        member.trouble = first.err();
        if member.trouble.is_none() && report.took.is_empty() {
            cluster(&mut session, &mut report);
            for _ in 0..TRANSACTIONS {
                let began = Instant::now();
                if read_through(&mut session, &key, &settings.prefix).is_ok() {
                    report.took.push(began.elapsed());
                }
            }
            report.took.sort_unstable();
        }
        report.members.push(member);
    }
    Ok(report)
}

fn our_certificates(tls: &Tls) -> Vec<(&'static str, Duration)> {
    let client = tls.client_der();
    let client = client.as_deref().and_then(certificate::not_after);
    let authority = tls.roots_der().filter_map(certificate::not_after).min();
    let client = client.map(|ends| ("`cert_file`", ends));
    client
        .into_iter()
        .chain(authority.map(|ends| ("`ca_file`", ends)))
        .collect()
}

fn look(session: &mut Session, member: &mut MemberReport, now: Duration) {
    let Ok(answer) = session.post(STATUS, b"{}") else {
        return;
    };
    member.clock_off = answer.date.map(|date| date.abs_diff(now));
    if let Ok(status) = serde_json::from_slice::<StatusAnswer>(&answer.body)
        && answer.status == 200
    {
        member.version = Version::parse(&status.version);
        member.has_leader = Some(status.leader != 0);
        member.database = (status.db_quota > 0).then_some((status.db_size, status.db_quota));
    }
}

/// What any member knows of all. A user without the right to ask is no trouble.
fn cluster(session: &mut Session, report: &mut Report) {
    if let Ok(answer) = session.post(MEMBERS, b"{}")
        && let Ok(found) = serde_json::from_slice::<MembersAnswer>(&answer.body)
        && answer.status == 200
    {
        let voters = found.members.iter().filter(|member| !member.is_learner);
        let machines: BTreeSet<&str> = voters
            .clone()
            .filter_map(|member| host_of(member.peer_urls.first()?))
            .collect();
        report.voters = Some((voters.count(), machines.len()));
    }
    if let Ok(answer) = session.post(ALARM, b"{\"action\":\"GET\"}")
        && let Ok(found) = serde_json::from_slice::<AlarmAnswer>(&answer.body)
    {
        report.alarms = found.alarms.into_iter().map(|alarm| alarm.alarm).collect();
    }
}

fn host_of(url: &str) -> Option<&str> {
    let place = url.split_once("://")?.1;
    Some(place.rsplit_once(':').map_or(place, |(host, _)| host))
}

impl Report {
    /// What keeps a chain from signing, or will lose what it signed.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let down = self
            .members
            .iter()
            .filter(|member| member.trouble.is_some());
        if !self.members.is_empty() && down.clone().count() == self.members.len() {
            let why = down.filter_map(|member| {
                Some(format!("{}: {}", member.endpoint, member.trouble.as_ref()?))
            });
            let why = why.collect::<Vec<_>>().join("; ");
            problems.push(format!(
                "no member of etcd takes part in a transaction: {why}"
            ));
        }
        for member in &self.members {
            if let Some(version) = member.version
                && let Support::Unsafe(why) = version.verdict(self.count())
            {
                problems.push(format!("{} runs etcd {version}: {why}", member.endpoint));
            }
            if let Some(Ok(ends)) = &member.certificate
                && *ends <= self.now
            {
                problems.push(format!(
                    "the certificate of {} has expired",
                    member.endpoint
                ));
            }
        }
        for alarm in &self.alarms {
            problems.push(match &**alarm {
                "NOSPACE" => "etcd's database is full (alarm NOSPACE), so nothing is signed; compact and defragment it, \
                              then `etcdctl alarm disarm`"
                    .to_owned(),
                other => format!("etcd has the alarm {other} up; `etcdctl alarm list` shows where"),
            });
        }
        for (name, ends) in &self.certificates {
            if *ends <= self.now {
                problems.push(format!("the certificate in {name} of [etcd] has expired"));
            }
        }
        problems
    }

    /// What should be mended soon.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for member in &self.members {
            let name = &member.endpoint;
            if let Some(why) = &member.trouble {
                warnings.push(format!("{name} takes part in no transaction: {why}"));
            }
            if let Some(version) = member.version
                && let Support::Old(why) = version.verdict(self.count())
            {
                warnings.push(format!("{name} runs etcd {version}: {why}"));
            }
            if member.has_leader == Some(false) {
                warnings.push(format!(
                    "{name} knows no leader: is a majority of members up?"
                ));
            }
            if let Some((size, quota)) = member.database
                && size > quota / 5 * 4
            {
                warnings.push(format!(
                    "the database of {name} has {size} of {quota} bytes; when it is full nothing is signed. Set \
                     --auto-compaction-retention, and defragment"
                ));
            }
            if let Some(off) = member.clock_off.filter(|off| *off > APART) {
                warnings.push(format!(
                    "the clock of {name} is {} s from this host's; look at the time services",
                    off.as_secs()
                ));
            }
            match &member.certificate {
                Some(Ok(ends)) => self.soon(&format!("of {name}"), *ends, &mut warnings),
                Some(Err(why)) => {
                    warnings.push(format!(
                        "the certificate of {name} cannot be looked at: {why}"
                    ));
                }
                None => {}
            }
        }
        for (name, ends) in &self.certificates {
            self.soon(&format!("in {name}"), *ends, &mut warnings);
        }
        match self.voters {
            Some((count @ 0..=2, _)) => warnings.push(format!(
                "this etcd has {}: without any one of them nothing is signed; three on three machines \
                 survive the loss of one",
                things(count, "voting member")
            )),
            Some((count, machines)) if machines < count => warnings.push(format!(
                "{count} members of etcd share {}: the loss of one machine may be the loss of the majority",
                things(machines, "machine")
            )),
            _ => {}
        }
        if let Some(p99) = self.p99().filter(|p99| *p99 > SLOW) {
            warnings.push(format!(
                "1 in 100 transactions with etcd takes {} ms or more ({} is the aim): look at its disks and at the way to it",
                p99.as_millis(),
                SLOW.as_millis()
            ));
        }
        warnings
    }

    /// What 99 of 100 transactions do not exceed.
    pub fn p99(&self) -> Option<Duration> {
        let last = self.took.len().checked_sub(1)?;
        self.took.get(last * 99 / 100).copied()
    }

    /// The members that vote, or the endpoints where that is not known.
    fn count(&self) -> usize {
        self.voters.map_or(self.members.len(), |(count, _)| count)
    }

    fn soon(&self, name: &str, ends: Duration, warnings: &mut Vec<String>) {
        let left = ends.saturating_sub(self.now);
        if !left.is_zero() && left < SOON {
            warnings.push(format!(
                "the certificate {name} expires in {} days; without a new one nothing is signed then",
                left.as_secs() / 86_400
            ));
        }
    }
}
