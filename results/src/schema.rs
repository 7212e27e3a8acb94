//! JSON Schemas of the two records, generated from the types and kept in `results/schema/`.

use crate::manifest::Manifest;
use crate::record::Sample;

/// Name of the file in `results/schema/`, and its contents, for each record.
///
/// # Panics
/// Never: the schemas are generated from types and are plain data.
pub fn schemas() -> [(&'static str, String); 2] {
    let pretty = |schema: schemars::Schema| {
        serde_json::to_string_pretty(&schema).expect("a schema is plain data") + "\n"
    };
    [
        ("sample.schema.json", pretty(schemars::schema_for!(Sample))),
        (
            "manifest.schema.json",
            pretty(schemars::schema_for!(Manifest)),
        ),
    ]
}
