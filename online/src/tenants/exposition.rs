//! The metrics of all tenants as those of one process: each series says by its label `tenant` whose it is.

use std::collections::BTreeMap;

use prometheus::proto::{LabelPair, MetricFamily};

/// Puts the series of tenants under those of the process.
///
/// What the process counts itself, as its memory and its connections, no tenant tells again.
///
/// * `own`: those of the process.
/// * `tenants`: of each its name, and its families.
pub(super) fn merge(
    own: Vec<MetricFamily>,
    tenants: impl IntoIterator<Item = (String, Vec<MetricFamily>)>,
) -> Vec<MetricFamily> {
    let own: BTreeMap<String, MetricFamily> =
        own.into_iter().map(|family| (family.name().to_owned(), family)).collect();
    let mut merged = BTreeMap::new();
    for (tenant, families) in tenants {
        for mut family in families.into_iter().filter(|family| !own.contains_key(family.name())) {
            for metric in family.mut_metric() {
                let mut label = LabelPair::default();
                label.set_name("tenant".to_owned());
                label.set_value(tenant.clone());
                let mut labels = metric.take_label();
                labels.push(label);
                metric.set_label(labels);
            }
            let series = std::mem::take(family.mut_metric());
            merged.entry(family.name().to_owned()).or_insert(family).mut_metric().extend(series);
        }
    }
    merged.extend(own);
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

    use super::*;
    use crate::metrics::render;

    #[test]
    fn series_say_whose_they_are_and_what_is_of_the_process_is_told_once() {
        let families = |slates: u64| {
            let registry = Registry::new();
            let counters = IntCounterVec::new(Opts::new("slates", "Slates"), &["outcome"]).expect("valid");
            counters.with_label_values(&["personal"]).inc_by(slates);
            registry.register(Box::new(counters)).expect("once");
            registry.register(Box::new(IntCounter::new("connections", "Connections").expect("valid"))).expect("once");
            registry.gather()
        };
        let process = Registry::new();
        let connections = IntCounter::new("connections", "Connections").expect("valid");
        connections.inc_by(3);
        process.register(Box::new(connections)).expect("once");
        let merged = merge(process.gather(), [("books".to_owned(), families(1)), ("lamps".to_owned(), families(2))]);
        let text = String::from_utf8(render(&merged).expect("renders")).expect("text");
        let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            series,
            [
                "connections 3",
                "slates{outcome=\"personal\",tenant=\"books\"} 1",
                "slates{outcome=\"personal\",tenant=\"lamps\"} 2",
            ]
        );
        assert_eq!(text.matches("# TYPE slates").count(), 1, "{text}");
    }
}
