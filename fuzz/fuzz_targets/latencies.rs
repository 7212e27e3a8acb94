//! The histogram of a record, beyond what it is packed in: its digits, its lowest and its highest value, and its
//! buckets. Both readers of it say the same.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use results::latency;

/// What a histogram begins with that is not compressed.
const PLAIN: u32 = 0x1c84_9313;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[digits, low, low_shift, high, high_shift], body)) = bytes.split_first_chunk()
    else {
        return;
    };
    let shifted = |value: u8, shift: u8| u64::from(value) << (shift % 57);
    let mut plain = Vec::new();
    for word in [
        PLAIN,
        u32::try_from(body.len()).unwrap(),
        0,
        u32::from(digits % 5),
    ] {
        plain.extend(word.to_be_bytes());
    }
    plain.extend(shifted(low, low_shift).to_be_bytes());
    plain.extend(shifted(high, high_shift).to_be_bytes());
    plain.extend(1_f64.to_be_bytes());
    plain.extend(body);
    let text = STANDARD.encode(plain);
    let counts = latency::counts(&text);
    let Ok(histogram) = latency::decode(&text) else {
        assert!(!counts.unwrap_err().is_empty());
        return;
    };
    let recorded = histogram.iter_recorded();
    let recorded: Vec<_> = recorded
        .map(|it| (it.value_iterated_to(), it.count_at_value()))
        .collect();
    assert_eq!(counts, Ok(recorded));
    for at in [0.5, 0.9, 0.99, 0.999] {
        latency::quantile(&histogram, at);
    }
});
