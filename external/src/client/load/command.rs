//! `external load`: from arguments to an exit code.

use std::io::ErrorKind;
use std::time::Duration;

use campaign::call::{CallArguments, CallRecord};
use campaign::duration::parse_seconds;
use campaign::terminal::print;
use campaign::{Error, Exit, errno};
use clap::{Args, ValueEnum};
use workloads::{Expectation, Request};

use super::report::{json, text};
use super::{Amount, CONNECTIONS, Load, LoadError, Pace, REQUESTS, Target, WARM_UP, knee, run};

/// The command line of `external load`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Only this machine is put under load: http:// to 127.0.0.0/8, [::1] or \
        localhost, or to a namespace that a suite has made."
)]
pub struct LoadArguments {
    /// What to put under load
    pub url: String,
    /// How many connections: at most as many requests are under way
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS)]
    pub connections: usize,
    /// How many requests
    #[arg(long, value_name = "N", default_value_t = REQUESTS,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: u64,
    /// For how many seconds, rather than how many requests
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, conflicts_with = "requests")]
    pub duration: Option<Duration>,
    /// How many requests go over each connection before, and are not recorded
    #[arg(long, value_name = "N", default_value_t = WARM_UP)]
    pub warm_up: u64,
    /// After these, go on in a closed loop until the rate is steady, for so many seconds at most
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub until_steady: Option<Duration>,
    /// Open loop: send at this many requests per second, whatever the system does [default: closed
    /// loop]
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Search for the highest rate at which the 99th percentile of latency, from when each request
    /// was due, stays within so many seconds: by loads of --duration each, or of a second
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds,
        conflicts_with_all = ["rate", "requests"])]
    pub p99: Option<Duration>,
    /// Open a connection for each request
    #[arg(long)]
    pub no_keep_alive: bool,
    /// The method
    #[arg(long, default_value = "GET")]
    pub method: String,
    /// Headers, body and answer of each request.
    #[command(flatten)]
    pub call: CallArguments,
    /// The same as `--expect status:STATUS`
    #[arg(long, value_name = "STATUS", hide = true)]
    pub expect_status: Option<u16>,
    /// The same as `--expect body:BODY`
    #[arg(long, value_name = "BODY", hide = true)]
    pub expect_body: Option<String>,
    /// Keep the generator on this core [default: on any]
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// How many seconds a request may take
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "10")]
    pub timeout: Duration,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub format: LoadFormat,
}

/// How to print the result of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LoadFormat {
    /// For people
    #[default]
    Text,
    /// One object, with the whole histogram
    Json,
}

/// Puts a URL under load and prints what came of it.
///
/// Requests that failed or were dropped make [`Exit::Samples`] of it; if no request was answered
/// rightly, [`Exit::Nothing`].
///
/// # Errors
/// The URL is not this machine's loopback, the load makes no sense, or there is nobody who accepts
/// a connection.
pub fn command(arguments: &LoadArguments) -> Result<Exit, Error> {
    let load = planned(arguments)?;
    if let Some(limit) = arguments.p99 {
        return search(arguments, load, limit);
    }
    let loaded = run(&load)?;
    print(&match arguments.format {
        LoadFormat::Text => text(&arguments.url, &load, &loaded),
        LoadFormat::Json => json(&arguments.url, &load, &loaded),
    })?;
    let requests = &loaded.requests;
    Ok(match (requests.ok, requests.failed + requests.dropped) {
        (0, _) => Exit::Nothing,
        (_, 0) => Exit::Ok,
        _ => Exit::Samples,
    })
}

/// How long a load of a search lasts.
const SEARCH_TIME: Duration = Duration::from_secs(1);

/// Searches for what a URL can hold, and prints it. That it holds no rate is a result too.
fn search(arguments: &LoadArguments, load: Load, limit: Duration) -> Result<Exit, Error> {
    let time = arguments.duration.unwrap_or(SEARCH_TIME);
    let load = Load {
        until_steady: load.until_steady.or(Some(time)),
        ..load
    };
    let knee = knee::search(&load, limit, time)?;
    print(&match arguments.format {
        LoadFormat::Text => knee.text(&arguments.url),
        LoadFormat::Json => knee.json(),
    })?;
    Ok(Exit::Ok)
}

/// The load of the arguments.
fn planned(arguments: &LoadArguments) -> Result<Load, Error> {
    let usage = |why| Error::new(Exit::Usage, why);
    let target = Target::from_url(&arguments.url).map_err(usage)?;
    let call = CallRecord::new(None, &arguments.call)?;
    let usual = Expectation::status(arguments.expect_status.unwrap_or(200));
    let usual = match &arguments.expect_body {
        Some(body) => usual.with_body(body.as_bytes()),
        None => usual,
    };
    Ok(Load {
        address: target.reachable(),
        host: target.host,
        also: Vec::new(),
        request: Request {
            method: arguments.method.clone(),
            target: target.path,
            ..call.request()?
        },
        expected: call.expectation(usual)?,
        sequence: Vec::new(),
        pace: arguments
            .rate
            .map_or(Pace::Closed, |per_second| Pace::Open { per_second }),
        connections: arguments.connections,
        keep_alive: !arguments.no_keep_alive,
        warm_up: arguments.warm_up,
        until_steady: arguments.until_steady,
        amount: arguments
            .duration
            .map_or(Amount::Requests(arguments.requests), Amount::Time),
        timeout: arguments.timeout,
        core: arguments.core,
    })
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        let message = error.to_string();
        match error {
            LoadError::Foreign(_) | LoadError::Senseless(_) | LoadError::Request(_) => {
                Self::new(Exit::Usage, message)
            }
            LoadError::Pin { .. } => Self::new(Exit::Usage, message)
                .hint("`nproc --all` counts cores; `taskset -p $$` shows which are allowed"),
            LoadError::Connect { error, .. } => {
                let exit = if errno::is_exhaustion(&error) {
                    Exit::Internal
                } else {
                    Exit::Nothing
                };
                let hint = errno::hint(&error).unwrap_or_else(|| match error.kind() {
                    ErrorKind::ConnectionRefused => {
                        "nothing listens there: start the server first; the URL's port is the one \
                            it listens on"
                    }
                    ErrorKind::TimedOut => {
                        "the server's queue of connections is full: fewer --connections, or a \
                            server that accepts faster (net.core.somaxconn)"
                    }
                    _ => "the server accepted no connection: its log says why",
                });
                Self::new(exit, message).hint(hint)
            }
            LoadError::Machine(error) => Self::new(Exit::Internal, message).hint(
                errno::hint(&error).unwrap_or("`ulimit -a` shows what this process may have"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        arguments: LoadArguments,
    }

    fn parsed(arguments: &[&str]) -> Result<LoadArguments, clap::Error> {
        Program::try_parse_from([&["load"], arguments].concat()).map(|program| program.arguments)
    }

    #[test]
    fn the_defaults_are_those_of_the_classic_suite() {
        let load = planned(&parsed(&["http://127.0.0.1:1/x?y"]).unwrap()).unwrap();
        assert_eq!(
            (load.warm_up, load.amount, load.connections),
            (5, Amount::Requests(200), 10)
        );
        assert_eq!(
            (load.pace, load.keep_alive, load.core),
            (Pace::Closed, true, None)
        );
        assert_eq!(
            (load.request, load.expected),
            (Request::get("/x?y"), Expectation::status(200))
        );
    }

    #[test]
    fn every_argument_of_a_load_has_its_effect() {
        let words = "http://localhost:1/ --rate 50 --duration 1.5 --no-keep-alive --method POST \
            --header X-A:1 --body b --expect 201 --expect body:e --core 1 --timeout 2 \
            --until-steady 3";
        let load =
            planned(&parsed(&words.split_whitespace().collect::<Vec<_>>()).unwrap()).unwrap();
        assert_eq!(
            (load.pace, load.keep_alive, load.core),
            (Pace::Open { per_second: 50.0 }, false, Some(1))
        );
        assert_eq!(
            (load.amount, load.timeout),
            (
                Amount::Time(Duration::from_millis(1500)),
                Duration::from_secs(2)
            )
        );
        assert_eq!(load.until_steady, Some(Duration::from_secs(3)));
        let request = Request::post("/", "b").with_headers(&["X-A: 1"]).unwrap();
        assert_eq!(load.request, request);
        assert_eq!(load.expected, Expectation::status(201).with_body("e"));
        let older = "http://localhost:1/ --expect-status 201 --expect-body e";
        let older: Vec<_> = older.split_whitespace().collect();
        assert_eq!(
            planned(&parsed(&older).unwrap()).unwrap().expected,
            load.expected
        );
    }

    #[test]
    fn a_body_can_come_from_a_file_of_any_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body");
        let body: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&file, &body).unwrap();
        let text = file.to_str().unwrap();
        let url = "http://127.0.0.1:1/echo";
        let load = planned(&parsed(&[url, "--method", "POST", "--body-file", text]).unwrap());
        assert_eq!(load.unwrap().request.body, body);
        assert!(parsed(&[url, "--body-file", text, "--body", "x"]).is_err());
        let missing = parsed(&[url, "--body-file", "/nowhere/body"]).unwrap();
        let error = planned(&missing).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(
            error
                .to_string()
                .contains("cannot read the body /nowhere/body"),
            "{error}"
        );
    }

    #[test]
    fn the_hint_of_a_connection_that_fails_is_that_of_its_error() {
        let of = |errno| {
            Error::from(LoadError::Connect {
                address: "127.0.0.1:80".parse().unwrap(),
                error: std::io::Error::from_raw_os_error(errno),
            })
        };
        for (errno, exit, hint) in [
            (libc::ECONNREFUSED, Exit::Nothing, "start the server first"),
            (libc::EMFILE, Exit::Internal, "ulimit -n"),
            (libc::EADDRNOTAVAIL, Exit::Internal, "ip_local_port_range"),
            (libc::ETIMEDOUT, Exit::Nothing, "somaxconn"),
        ] {
            let error = of(errno);
            assert_eq!(error.exit, exit, "{error}");
            assert!(error.to_string().contains(hint), "{error}");
            let starts = error.to_string().contains("start the server");
            assert_eq!(starts, errno == libc::ECONNREFUSED, "{error}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for rest in [
            "--requests 0",
            "--duration 0",
            "--duration -1",
            "--duration 1 --requests 5",
            "--p99 0.01 --rate 5",
            "--timeout nan",
        ] {
            let words: Vec<_> = ["http://127.0.0.1:1/"]
                .into_iter()
                .chain(rest.split(' '))
                .collect();
            assert!(parsed(&words).is_err(), "{rest}");
        }
        for words in [
            &["http://192.0.2.1/"][..],
            &["http://127.0.0.1:1/", "--connections", "0"],
            &["http://127.0.0.1:1/", "--rate", "0"],
            &["http://127.0.0.1:1/", "--rate", "nan"],
            &["http://127.0.0.1:1/", "--rate", "1e9"],
            &["http://127.0.0.1:1/", "--method", "GE T"],
            &["http://127.0.0.1:1/", "--header", "none"],
            &["http://127.0.0.1:1/", "--expect", "status:many"],
            &["http://127.0.0.1:1/", "--core", "99999"],
        ] {
            assert_eq!(
                command(&parsed(words).unwrap()).unwrap_err().exit,
                Exit::Usage,
                "{words:?}"
            );
        }
    }
}
