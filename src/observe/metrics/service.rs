//! The service as a whole.

use prometheus_client::metrics::MetricType;

use std::time::SystemTime;

use super::family::{Family, SampleValue, Values};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "build_info",
        kind: MetricType::Gauge,
        help: "Which program this is",
        values: Values::Labelled(&["version", "commit"], |_, series| {
            series.put(&[crate::VERSION, crate::COMMIT], true)
        }),
    },
    Family {
        name: "start_time_seconds",
        kind: MetricType::Gauge,
        help: "When the service started, in seconds since 1970",
        values: Values::Service(|service| since_1970(service.started)),
    },
    Family {
        name: "time_seconds",
        kind: MetricType::Gauge,
        help: "This host's wall clock, in seconds since 1970",
        values: Values::Service(|_| since_1970(SystemTime::now())),
    },
    Family {
        name: "supervisor_age_seconds",
        kind: MetricType::Gauge,
        help: "Seconds since the supervisor's last turn; it takes one each second",
        values: Values::Service(|service| service.since_turn.into()),
    },
    Family {
        name: "log_lines_dropped",
        kind: MetricType::Counter,
        help: "Log lines dropped because the reader of the log was too slow",
        values: Values::Service(|service| service.dropped_lines.into()),
    },
    Family {
        name: "pauses",
        kind: MetricType::Counter,
        help: "How often this host or process was found to have been stopped or suspended",
        values: Values::Service(|service| service.pauses.into()),
    },
    Family {
        name: "clock_steps",
        kind: MetricType::Counter,
        help: "How often the wall clock was found to have been set",
        values: Values::Service(|service| service.clock_steps.into()),
    },
    Family {
        name: "config_last_reload_successful",
        kind: MetricType::Gauge,
        help: "1 while the configuration that was read last, at the start or by a reload, is the one that is followed",
        values: Values::Service(|service| service.followed.into()),
    },
    Family {
        name: "config_last_reload_success_timestamp_seconds",
        kind: MetricType::Gauge,
        help: "When the configuration that is followed was read, in seconds since 1970",
        values: Values::Service(|service| since_1970(service.followed_since)),
    },
];

pub(super) fn since_1970(time: SystemTime) -> SampleValue {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().into()
}
