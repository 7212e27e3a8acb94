//! The dip test against another implementation of it.

use findings::statistics::dip;
use serde_json::Value;

#[test]
fn dips_are_those_of_the_reference() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/dip.json")).unwrap();
    for case in &cases {
        let values: Vec<f64> = serde_json::from_value(case["values"].clone()).unwrap();
        let found = dip(&values).unwrap().dip;
        let wanted = case["dip"].as_f64().unwrap();
        assert!(
            (found - wanted).abs() < 1e-9,
            "n = {}: {found} for {wanted}",
            values.len()
        );
    }
}
