//! What layers are compared in is one container: each starts what the engine itself would.

use std::collections::BTreeMap;

use machine::ports;
use results::{Attested, Evidence};
use workloads::Workload;

use crate::support::{Run, answered, is_there, request};

/// What the evidence of a start of a layer is, with what is checked of the process that answers.
fn evidence(layer: &str, workload: Workload, network: &str) -> Attested {
    let run = Run::of(layer);
    let mut engine = run.engine();
    let request = request(workload, network, false);
    let mut attested = engine.prepare(&request).unwrap().attested;
    let service = external::system::listens(workload);
    let port = service.then(|| ports::free_port().unwrap());
    let mut instance = engine.start(&request, port).unwrap();
    if let Some(port) = port {
        answered(instance.as_mut(), workload, port, request.deadline_ns);
        attested.extend(instance.verify().unwrap());
    } else {
        instance.wait_end(request.deadline_ns).unwrap();
    }
    attested
}

#[test]
fn every_layer_starts_the_same_container() {
    let layers = ["runc", "crun", "youki", "containerd", "docker"];
    let layers: Vec<_> = layers.into_iter().filter(|it| is_there(it)).collect();
    let found: BTreeMap<_, _> = layers
        .iter()
        .map(|layer| (*layer, evidence(layer, Workload::HttpHello, "host")))
        .collect();
    for layer in layers {
        for what in [
            Evidence::BundleSha256,
            Evidence::Seccomp,
            Evidence::NoNewPrivileges,
            Evidence::Capabilities,
            Evidence::NetworkNamespace,
        ] {
            let (own, dockers) = (&found[layer][&what], &found["docker"][&what]);
            assert_eq!(own, dockers, "{layer}: {what}");
        }
    }
    assert_eq!(found["runc"][Evidence::Seccomp], 2);
    assert_eq!(found["runc"][Evidence::Capabilities], "00000000a80425fb");
    // Called alike, too.
    assert_eq!(
        found["runc"][Evidence::CgroupV2Hidden],
        found["crun"][Evidence::CgroupV2Hidden]
    );
}

#[test]
fn a_sandbox_is_given_the_same_container_and_says_what_it_does_not_apply() {
    if !is_there("gvisor") {
        return;
    }
    let [runc, gvisor] =
        ["runc", "gvisor"].map(|layer| evidence(layer, Workload::HttpHello, "host"));
    for what in [Evidence::BundleSha256, Evidence::NetworkNamespace] {
        assert_eq!(runc[&what], gvisor[&what], "{what}");
    }
    let not_applied = gvisor[Evidence::ConfigurationNotApplied]
        .as_array()
        .unwrap();
    assert!(not_applied.iter().any(|it| it == "linux.seccomp"));
    assert!(runc.get(Evidence::ConfigurationNotApplied).is_none());
}

#[test]
fn a_network_of_its_own_is_a_difference_and_the_only_one_of_the_layers_below() {
    let digests = |network: &str| {
        ["runc", "crun", "containerd"].map(|layer| {
            let found = evidence(layer, Workload::Hello, network);
            found[Evidence::BundleSha256].as_str().unwrap().to_owned()
        })
    };
    let (host, none) = (digests("host"), digests("none"));
    assert!(host.iter().all(|it| *it == host[0]), "{host:?}");
    assert!(none.iter().all(|it| *it == none[0]), "{none:?}");
    assert_ne!(host[0], none[0]);
}
