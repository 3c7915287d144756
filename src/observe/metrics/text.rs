//! Prometheus's older text format, version 0.0.4, from the OpenMetrics text: for the node exporter's text files, and for
//! clients that do not ask for OpenMetrics. Source: Prometheus, "Exposition formats".
//!
//! The samples are the same. A counter's family is named with its `_total` here, and nothing marks the end.

/// The media type of what [`from_openmetrics`] gives.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The same metrics in the older format.
pub fn from_openmetrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A family's help comes before its type, which decides about its name.
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = family(line) {
            let end = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take().filter(|(helped, _)| *helped == name) {
                out.push_str(&format!("# HELP {name}{end} {help}\n"));
            }
            out.push_str(&format!("# TYPE {name}{end} {kind}\n"));
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn family(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("# TYPE ")?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples_and_nothing_else_changes() {
        let text = "# HELP a_b Some words.\n# TYPE a_b counter\na_b_total{x=\"# TYPE\"} 1\n\
                    # HELP g Others.\n# TYPE g gauge\n# UNIT g seconds\ng 0.5\n# EOF\n";
        assert_eq!(
            from_openmetrics(text),
            "# HELP a_b_total Some words.\n# TYPE a_b_total counter\na_b_total{x=\"# TYPE\"} 1\n\
             # HELP g Others.\n# TYPE g gauge\ng 0.5\n"
        );
    }
}
