//! Values of flags, for both parsers.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use host_probe::settings::Named;

use super::Limits;

/// For `clap`: one of these values, by its name.
pub(super) fn possible<N: Named + Send + Sync>(
    values: &'static [N],
) -> impl TypedValueParser<Value = N> {
    PossibleValuesParser::new(values.iter().map(|value| value.name()))
        .try_map(move |name| parse_named(values, &name))
}

/// One of these values, by its name.
pub(super) fn parse_named<N: Named>(values: &[N], text: &str) -> Result<N, String> {
    let found = values.iter().copied().find(|value| value.name() == text);
    found.ok_or_else(|| {
        let names: Vec<_> = values.iter().map(|value| value.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

pub(super) fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "expected a number from 1".to_owned())
}

pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "expected a number of bytes".to_owned())
}

pub(super) fn parse_head_bytes(text: &str) -> Result<usize, String> {
    parse_at_least(text, Limits::LEAST_HEAD_BYTES)
}

pub(super) fn parse_concurrency(text: &str) -> Result<usize, String> {
    parse_at_least(text, 1)
}

fn parse_at_least(text: &str, least: usize) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number >= least)
        .ok_or_else(|| format!("expected a whole number from {least}"))
}

/// The bytes of a number of MiB.
pub(super) fn parse_mebibytes(text: &str) -> Result<u64, String> {
    text.parse::<u64>()
        .ok()
        .and_then(|mebibytes| mebibytes.checked_mul(1024 * 1024))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number of MiB from 1".to_owned())
}
