//! The process, under the names that every exporter has: <https://prometheus.io/docs/instrumenting/writing_clientlibs/>.

use prometheus_client::metrics::MetricType;

use super::family::{Family, SampleValue, Values};
use super::service::since_1970;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "process_cpu_seconds",
        kind: MetricType::Counter,
        help: "Processor time used, in seconds",
        values: Values::Process(|service| Some(service.usage.cpu.into())),
    },
    Family {
        name: "process_resident_memory_bytes",
        kind: MetricType::Gauge,
        help: "Memory in RAM",
        values: Values::Process(|service| service.usage.resident.map(SampleValue::from)),
    },
    Family {
        name: "process_virtual_memory_bytes",
        kind: MetricType::Gauge,
        help: "Address space",
        values: Values::Process(|service| service.usage.address_space.map(SampleValue::from)),
    },
    Family {
        name: "process_open_fds",
        kind: MetricType::Gauge,
        help: "Open file descriptors",
        values: Values::Process(|service| service.usage.open_files.map(SampleValue::from)),
    },
    Family {
        name: "process_max_fds",
        kind: MetricType::Gauge,
        help: "How many file descriptors may be open",
        values: Values::Process(|service| service.usage.most_files.map(SampleValue::from)),
    },
    Family {
        name: "process_threads",
        kind: MetricType::Gauge,
        help: "Threads",
        values: Values::Process(|service| service.usage.threads.map(SampleValue::from)),
    },
    Family {
        name: "process_start_time_seconds",
        kind: MetricType::Gauge,
        help: "When the process started, in seconds since 1970",
        values: Values::Process(|service| Some(since_1970(service.started))),
    },
];
