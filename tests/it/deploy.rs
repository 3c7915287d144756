//! The files in `deploy/`: whatever ends the service brings it back, logs are bounded, and one port stands everywhere.

use std::fs;

const UNIT: &str = "deploy/systemd/tmkms.service";
const QUADLET: &str = "deploy/container/tmkms.container";
const COMPOSE: &str = "deploy/container/compose.yml";
const KUBERNETES: &str = "deploy/kubernetes/tmkms.yml";

/// The settings of a unit's section, in order.
fn section(path: &str, name: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let head = format!("[{name}]");
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn value(settings: &[(String, String)], key: &str) -> Option<String> {
    let mut found = settings.iter().filter(|(name, _)| name == key);
    found.next().map(|(_, value)| value.clone())
}

#[test]
fn units_bring_it_back_however_it_ended_and_for_as_long_as_it_takes() {
    for path in [UNIT, QUADLET] {
        let service = section(path, "Service");
        let get = |key| value(&service, key).unwrap_or_default();
        assert_eq!(get("Restart"), "always", "{path}");
        assert_eq!(get("RestartPreventExitStatus"), "2", "{path}");
        assert_eq!(get("RestartSec"), "2", "{path}");
        assert_eq!(get("TimeoutStartSec"), "300", "{path}");
        assert_eq!(get("OOMScoreAdjust"), "-900", "{path}");
        // What counts as success is not restarted by `on-failure`; nothing may be added to it here.
        assert_eq!(value(&service, "SuccessExitStatus"), None, "{path}");
        let unit = section(path, "Unit");
        let limit = value(&unit, "StartLimitIntervalSec");
        assert_eq!(limit.as_deref(), Some("0"), "{path}");
    }
}

#[test]
fn compose_brings_it_back_and_bounds_its_log() {
    use saphyr::{LoadableYamlNode, Yaml};
    let text = fs::read_to_string(COMPOSE).unwrap();
    let files = Yaml::load_from_str(&text).unwrap();
    let service = &files[0]["services"]["tmkms"];
    assert_eq!(service["restart"].as_str(), Some("unless-stopped"));
    let options = &service["logging"]["options"];
    assert_eq!(options["max-size"].as_str(), Some("20m"));
    assert_eq!(options["max-file"].as_str(), Some("5"));
}

/// A node of the same file waits until the signer is healthy, so that must not need a node.
#[test]
fn a_container_is_healthy_without_a_node() {
    let image = fs::read_to_string("Dockerfile").unwrap();
    let check = image.split("HEALTHCHECK").last().unwrap();
    let check = check.lines().nth(1).unwrap();
    assert!(check.contains("\"status\", \"--armed\""), "{check}");
    let health = value(&section(QUADLET, "Container"), "HealthCmd").unwrap();
    assert!(health.contains(" status --armed "), "{health}");
    for path in ["Dockerfile", QUADLET, COMPOSE] {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("status --ready"), "{path}");
    }
    let compose = fs::read_to_string(COMPOSE).unwrap();
    assert!(compose.contains("tmkms: { condition: service_healthy }"));
}

#[test]
fn containers_share_the_hosts_folder_for_locks() {
    use saphyr::{LoadableYamlNode, Yaml};
    let text = fs::read_to_string(COMPOSE).unwrap();
    let files = Yaml::load_from_str(&text).unwrap();
    let volumes = &files[0]["services"]["tmkms"]["volumes"];
    let locks = &volumes[1];
    for (key, wanted) in [
        ("type", "bind"),
        ("source", "/run/tmkms"),
        ("target", "/run/tmkms"),
    ] {
        assert_eq!(locks[key].as_str(), Some(wanted));
    }
    // Made by Docker it would belong to root, and nobody would know.
    assert_eq!(locks["bind"]["create_host_path"].as_bool(), Some(false));
    let quadlet = section(QUADLET, "Container");
    assert!(quadlet.contains(&("Volume".to_owned(), "/run/tmkms:/run/tmkms".to_owned())));
    let made = fs::read_to_string("deploy/container/tmkms-tmpfiles.conf").unwrap();
    assert!(made.contains("\nd /run/tmkms 0700 10001 10001 -\n"));
    let image = fs::read_to_string("Dockerfile").unwrap();
    assert!(image.contains("USER 10001:10001"));
    // The unit that goes must not take the locks of the others with it.
    let unit = section(UNIT, "Service");
    assert_eq!(value(&unit, "RuntimeDirectory").as_deref(), Some("tmkms"));
    let kept = value(&unit, "RuntimeDirectoryPreserve");
    assert_eq!(kept.as_deref(), Some("yes"));
}

/// Commands in comments are typed in the top folder, as those of the unit, of udev and of systemd's users say.
#[test]
fn what_is_to_be_installed_lies_where_the_command_says() {
    let folders = [
        "deploy",
        "deploy/container",
        "deploy/systemd",
        "deploy/etcd",
        "udev",
    ];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut found = 0;
    for path in files.map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for line in text.lines().filter(|line| line.starts_with('#')) {
            let mut words = line.split_whitespace().take_while(|word| *word != "&&");
            if !words.any(|word| word == "install") || line.contains(" -d ") {
                continue;
            }
            let mut sources = Vec::new();
            while let Some(word) = words.next() {
                match word {
                    "-m" | "-o" | "-g" => drop(words.next()),
                    "-D" => {}
                    source => sources.push(source),
                }
            }
            sources.pop();
            // What has no folder was made by the commands before.
            for source in sources.iter().filter(|source| source.contains('/')) {
                assert!(fs::exists(source).unwrap(), "{}: {line}", path.display());
                found += 1;
            }
        }
    }
    assert!(found >= 5, "{found}");
}

/// The ports in what stands between `before` and the end of a word.
fn ports(path: &str, before: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let rest = text.split(before).skip(1);
    rest.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
        .collect()
}

#[test]
fn every_example_has_one_port_for_metrics_and_it_is_not_a_nodes_own() {
    let listen = "listen = \"127.0.0.1:";
    let everywhere = "listen = \"0.0.0.0:";
    let mut found = Vec::new();
    for (path, before) in [
        ("tmkms.toml.example", listen),
        ("README.md", listen),
        ("docs/metrics.md", listen),
        ("docs/operations.md", "instance=kms:"),
        ("tests/config/good/metrics.toml", listen),
        (
            "deploy/prometheus/prometheus.yml",
            "tmkms\n    static_configs:\n      - targets: [\"127.0.0.1:",
        ),
        (COMPOSE, everywhere),
        (KUBERNETES, everywhere),
        (COMPOSE, "\"127.0.0.1:"),
        (QUADLET, everywhere),
        (QUADLET, "PublishPort=127.0.0.1:"),
    ] {
        let ports = ports(path, before);
        assert!(!ports.is_empty(), "{path}: {before}");
        found.extend(ports);
    }
    assert!(found.iter().all(|port| port == "28567"), "{found:?}");
}

/// What keeps a second pod, a restart without a reason, and a touched state file away.
#[test]
fn kubernetes_has_one_pod_with_a_volume_of_its_own() {
    use saphyr::{LoadableYamlNode, Yaml};
    let text = fs::read_to_string(KUBERNETES).unwrap();
    let files = Yaml::load_from_str(&text).unwrap();
    let of_kind = |kind: &str| {
        let mut found = files
            .iter()
            .filter(|file| file["kind"].as_str() == Some(kind));
        let one = found.next().unwrap_or_else(|| panic!("no {kind}"));
        assert!(found.next().is_none(), "one {kind}");
        one
    };
    let set = &of_kind("StatefulSet")["spec"];
    assert_eq!(set["replicas"].as_integer(), Some(1));
    let claim = &set["volumeClaimTemplates"][0]["spec"]["accessModes"];
    assert_eq!(claim[0].as_str(), Some("ReadWriteOncePod"));
    let pod = &set["template"]["spec"];
    assert_eq!(
        pod["securityContext"]["fsGroupChangePolicy"].as_str(),
        Some("OnRootMismatch")
    );
    let container = &pod["containers"][0];
    let liveness = &container["livenessProbe"]["httpGet"]["path"];
    assert_eq!(liveness.as_str(), Some("/live"));
    let readiness = &container["readinessProbe"]["httpGet"]["path"];
    assert_eq!(readiness.as_str(), Some("/ready"));
    assert!(text.contains("secretName: tmkms-keys, defaultMode: 0400"));
    assert_eq!(
        of_kind("PodDisruptionBudget")["spec"]["minAvailable"].as_integer(),
        Some(1)
    );
    // Its configuration is one that this program reads without a word.
    let config = of_kind("ConfigMap")["data"]["tmkms.toml"].as_str().unwrap();
    let base = tmkms::settings::Base {
        folder: "/etc/tmkms".into(),
        home: Some("/home/tmkms".into()),
        ..Default::default()
    };
    let config = tmkms::config::Config::read(config, "tmkms.toml", &base)
        .unwrap_or_else(|error| panic!("{error}"));
    // Only the address on which others may ask is warned of: the network policy is for that.
    let [warning] = config.warnings.as_slice() else {
        panic!("{:?}", config.warnings);
    };
    assert!(warning.to_string().contains("listen"), "{warning}");
}
