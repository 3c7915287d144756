//! The other hosts that have shares of a chain's key.

use prometheus_client::metrics::MetricType;

use crate::observe::metrics::family::{Family, SampleValue, Values};
use crate::observe::metrics::sample::ChainSample;

pub(in crate::observe::metrics) const FAMILIES: &[Family] = &[
    Family {
        name: "cosign_members",
        kind: MetricType::Gauge,
        help: "The members of the chain's key, this one included",
        values: Values::Cosign(|seen| Some(whole(seen.members()))),
    },
    Family {
        name: "cosign_members_there",
        kind: MetricType::Gauge,
        help: "How many of them can sign now, this one included",
        values: Values::Cosign(|seen| Some(whole(seen.there()))),
    },
    Family {
        name: "cosign_threshold",
        kind: MetricType::Gauge,
        help: "How many of them have to sign together",
        values: Values::Cosign(|seen| Some(u64::from(seen.threshold).into())),
    },
    Family {
        name: "cosign_deaf",
        kind: MetricType::Gauge,
        help: "Whether the members that dial this one cannot come in",
        values: Values::Cosign(|seen| Some(seen.deaf.is_some().into())),
    },
    Family {
        name: "cosign_turned_away",
        kind: MetricType::Counter,
        help: "Connections that were turned away, of nobody who is a member, or of too many at once",
        values: Values::Cosign(|seen| Some(seen.turned_away.into())),
    },
    Family {
        name: "cosign_signed",
        kind: MetricType::Counter,
        help: "Signatures that this host had made together with the others",
        values: Values::Cosign(|seen| Some(seen.signed.into())),
    },
    Family {
        name: "cosign_unsigned",
        kind: MetricType::Counter,
        help: "Requests that came to nothing after this host was locked on them",
        values: Values::Cosign(|seen| Some(seen.unsigned.into())),
    },
    Family {
        name: "cosign_more_sets",
        kind: MetricType::Counter,
        help: "Sets of members that were asked beside or after a first one",
        values: Values::Cosign(|seen| Some(seen.more_sets.into())),
    },
    Family {
        name: "cosign_nonces_shown",
        kind: MetricType::Gauge,
        help: "Nonces that wait here for the questions of the others",
        values: Values::Cosign(|seen| Some(seen.nonces_shown.into())),
    },
    Family {
        name: "cosign_member_up",
        kind: MetricType::Gauge,
        help: "Whether the link to the other member is up",
        values: Values::Cosigner(|other| Some(other.up.into())),
    },
    Family {
        name: "cosign_member_state_age_seconds",
        kind: MetricType::Gauge,
        help: "For how long it is up or down",
        values: Values::Cosigner(|other| Some(other.since.into())),
    },
    Family {
        name: "cosign_member_round_trip_seconds",
        kind: MetricType::Gauge,
        help: "What the last ping of the link took",
        values: Values::Cosigner(|other| other.round_trip.map(SampleValue::from)),
    },
    Family {
        name: "cosign_member_nonces",
        kind: MetricType::Gauge,
        help: "Nonces that the member has shown and that can be used",
        values: Values::Cosigner(|other| Some(other.nonces.into())),
    },
    Family {
        name: "cosign_member_twice",
        kind: MetricType::Gauge,
        help: "Whether two processes have the share and the identity of the member",
        values: Values::Cosigner(|other| Some(other.runs_twice.into())),
    },
    Family {
        name: "cosign_member_rolled_back",
        kind: MetricType::Gauge,
        help: "Whether the member came back with an older state than it had, since the start of this process",
        values: Values::Cosigner(|other| Some(other.rolled_back.into())),
    },
    Family {
        name: "cosign_member_height",
        kind: MetricType::Gauge,
        help: "The height of the member's watermark, as it said last",
        values: Values::Cosigner(|other| other.height.map(SampleValue::from)),
    },
    Family {
        name: "cosign_member_heights_behind",
        kind: MetricType::Gauge,
        help: "How far that is below the watermark of this host",
        values: Values::Labelled(&["chain_id", "member"], |service, series| {
            let others = service.chains.iter().flat_map(ChainSample::other_members);
            for (chain, other) in others {
                let own = chain.watermark.map(|hrs| hrs.height.get());
                if let Some(behind) = other.heights_behind(own) {
                    series.put(&[&chain.id, &other.id.to_string()], behind)?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "cosign_member_asked",
        kind: MetricType::Counter,
        help: "Shares that the member was asked for",
        values: Values::Cosigner(|other| Some(other.asked.into())),
    },
    Family {
        name: "cosign_member_answers",
        kind: MetricType::Counter,
        help: "What became of that",
        values: Values::Labelled(&["chain_id", "member", "answer"], |service, series| {
            let others = service.chains.iter().flat_map(ChainSample::other_members);
            for (chain, other) in others {
                for (answer, number) in [
                    ("share", other.shares),
                    ("locked", other.locked),
                    ("refused", other.refused),
                    ("lost", other.lost),
                ] {
                    series.put(&[&chain.id, &other.id.to_string(), answer], number)?;
                }
            }
            Ok(())
        }),
    },
    Family {
        name: "cosign_member_late",
        kind: MetricType::Counter,
        help: "How often others were asked beside the member because it took longer than usual",
        values: Values::Cosigner(|other| Some(other.late.into())),
    },
    Family {
        name: "cosign_member_bad",
        kind: MetricType::Counter,
        help: "Wrong shares, locks and signatures of the member",
        values: Values::Cosigner(|other| Some(other.bad.into())),
    },
    Family {
        name: "cosign_member_given",
        kind: MetricType::Counter,
        help: "Shares that the member was given here",
        values: Values::Cosigner(|other| Some(other.given.into())),
    },
];

fn whole(number: usize) -> SampleValue {
    u64::try_from(number).unwrap_or(u64::MAX).into()
}
