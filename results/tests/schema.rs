//! The kept schemas are those of the types. `UPDATE_SCHEMA=1 cargo test -p results --test schema`
//! writes them anew.

#[test]
fn kept_schemas_are_those_of_the_types() {
    let folder = results::checkout::root().join("results/schema");
    for (name, schema) in results::schema::schemas() {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == schema,
            "{} is not what the types say: run with UPDATE_SCHEMA=1",
            path.display()
        );
    }
}

#[test]
fn the_example_of_the_design_is_a_valid_record() {
    // The record as the project's design fixes it, with phases that add up.
    let example = serde_json::json!({
        "schema": 1, "run": "20261123T074200Z-3f9a", "order": 17, "block": 2,
        "cell": {"system": "wasmtime-embedded", "workload": "http-hello", "scenario": "code-cold",
                 "params": {"acquire": "compile", "allocator": "pooling", "compiler": "cranelift", "page_cache": "evicted"}},
        "outcome": "ok", "reason": null, "started_at": "2026-11-23T07:42:01.123456Z",
        "total_ns": 31_234_567, "residual_ns": 1204,
        "phases": [{"name": "process", "ns": 812_345}, {"name": "engine", "ns": 150_700}],
        "resources": {"cpu_ns": 0, "max_rss_bytes": 0, "pss_bytes": 0, "minor_faults": 0, "major_faults": 0,
                      "voluntary_switches": 0, "involuntary_switches": 0},
        "noise": {"steal_ns": 0, "cpu_pressure_ns": 0, "load1": 0.3},
        "requests": {"sent": 200, "ok": 200, "failed": 0, "dropped": 0, "late": 0, "wall_ns": 0, "latency_hdr": "base64"},
        "artifact_sha256": "00", "attested": {"cache": "miss", "pages_resident": 0}
    });
    let schema: serde_json::Value = serde_json::from_str(&results::schema::schemas()[0].1).unwrap();
    jsonschema::validate(&schema, &example).unwrap();
    let sample: results::Sample = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(
        serde_json::to_value(sample).unwrap(),
        example,
        "what is read is what is written"
    );
}
