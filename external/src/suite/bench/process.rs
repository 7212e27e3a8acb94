//! Starts of systems that are plain processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::schedule::Measurement;
use machine::clock::now_ns;
use results::PhaseTime;
use serde_json::{Value, json};
use workloads::{Answer, Call, Request, Workload};

use super::{Next, Observer, Outside, Planned, What};
use crate::observe::{self, Launch, Running, Stdout, ready};
use crate::system::own::Told;
use crate::system::{Acquire, Ready, WORK, listens};
use machine::ports;

/// How long a system that was asked to end may take before it is killed.
pub(super) const GRACE: Duration = Duration::from_millis(500);

impl Outside<'_> {
    pub(super) fn launch(&self, ready: &Ready, workload: Workload, port: Option<u16>) -> Launch {
        let mut launch = Launch::new(&ready.program, &self.work, self.work.join("log"));
        launch.arguments = ready.arguments(self.site.address(port));
        launch.namespace.clone_from(&self.site.namespace);
        // Runtimes look for their configuration below it, and must find none but what they are
        // told.
        launch.environment = vec![("HOME".into(), self.work.clone().into())];
        launch.environment.extend(
            ready
                .environment
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        launch.stdout = if listens(workload) {
            Stdout::Log
        } else {
            Stdout::Captured
        };
        launch.watch.clone_from(&ready.artifact);
        launch.port = port;
        launch
    }

    /// One start, from its launch to its first complete answer and its end.
    pub(super) fn start(
        &self,
        launch: &Launch,
        ready: &Ready,
        workload: Workload,
        port: Option<u16>,
    ) -> Result<Started, String> {
        let mut running = launch.launch().map_err(|error| error.to_string())?;
        let guard = self
            .janitor
            .guard_group(running.pid())
            .map_err(|error| error.to_string())?;
        let mut started = match (workload.call(), port) {
            (Call::Http(request), Some(port)) => {
                self.first_answer(&mut running, ready, workload, &request, port)
            }
            _ => self.to_the_end(&mut running, workload),
        };
        if started.verdict.is_ok()
            && launch
                .arguments
                .iter()
                .any(|argument| argument == "--milestones")
        {
            self.wait_until_told();
        }
        running.stop(GRACE);
        drop(guard);
        if let Err(reason) = &mut started.verdict {
            reason.push_str(&said(&mut running));
        }
        Ok(started)
    }

    /// A service: asked until it answers.
    pub(super) fn first_answer(
        &self,
        running: &mut Running,
        ready: &Ready,
        workload: Workload,
        request: &Request,
        port: u16,
    ) -> Started {
        let patience = ready::Patience::until(self.deadline_ns());
        let target = self.site.target(port);
        let first = ready::first_answer(&target, request, &patience, &mut || {
            running.ended().is_some()
        });
        let first = match first {
            Ok(first) => first,
            Err(error) => {
                let end = running
                    .ended()
                    .map_or_else(String::new, |end| format!("; it {end}"));
                return Started::failed(format!("{error}{end}{}", elsewhere(running, port)));
            }
        };
        let resources = running.usage();
        let mut attested = BTreeMap::from([
            ("connect_period_ns".to_owned(), json!(patience.period_ns)),
            ("connect_attempts".to_owned(), json!(first.attempts)),
            (
                "connect_resolution_ns".to_owned(),
                json!(first.resolution_ns),
            ),
        ]);
        if let Some(file) = &ready.mapped {
            attested.insert(
                "code_mapped".to_owned(),
                json!(is_mapped(running.pid(), file)),
            );
        }
        // After the clock was stopped: looking takes longer than some starts.
        let verdict = ports::belongs_to(port, running.pid())
            .and_then(|()| workload.expected(1).check(&first.answer));
        Started {
            verdict,
            answered_ns: first.answered_ns,
            resources,
            attested,
            ..Started::of(running)
        }
    }

    /// A command, or a service's program that only begins and ends: waited for.
    pub(super) fn to_the_end(&self, running: &mut Running, workload: Workload) -> Started {
        let Some(end) = running.wait_end(self.deadline_ns()) else {
            return Started::failed("it did not end within its time limit");
        };
        let printed = running.stdout();
        let verdict = match end.code {
            _ if printed.dropped > 0 => {
                Err(format!("it printed {} bytes too many", printed.dropped))
            }
            Some(0) if listens(workload) => Ok(()),
            Some(code) => workload.expected(1).check(&Answer {
                code: code.into(),
                body: printed.bytes,
            }),
            None => Err(format!("it {end}")),
        };
        Started {
            verdict,
            answered_ns: end.seen_ns,
            resources: end.resources,
            ..Started::of(running)
        }
    }

    /// A start as a sample.
    pub(super) fn sample_start(&self, next: Next) -> Measurement {
        let Next {
            planned,
            what: What::Launched(ready),
            ports,
            mut attested,
        } = next
        else {
            return Measurement::failed("nothing is to be launched");
        };
        let port = ports.first().copied();
        let cached = ready.cache.as_deref().map(entries);
        let mut launch = self.launch(&ready, planned.workload, port);
        launch.observed = planned.observer == Observer::Seccomp;
        let mut started = match self.start(&launch, &ready, planned.workload, port) {
            Ok(started) => started,
            Err(reason) => {
                return Measurement {
                    attested,
                    ..Measurement::failed(reason)
                };
            }
        };
        attested.append(&mut started.attested);
        let mut verdict = std::mem::replace(&mut started.verdict, Ok(()));
        if let (Some(before), Some(cache)) = (cached, &ready.cache) {
            let found = if entries(cache) > before {
                "miss"
            } else {
                "hit"
            };
            attested.insert("cache".to_owned(), json!(found));
            let wanted = if planned.acquire == Some(Acquire::CacheHit) {
                "hit"
            } else {
                "miss"
            };
            verdict = verdict.and(if found == wanted {
                Ok(())
            } else {
                Err(unlike("cache", wanted, found))
            });
        }
        if ready.mapped.is_some()
            && listens(planned.workload)
            && attested.get("code_mapped") != Some(&json!(true))
        {
            verdict = verdict.and(Err(
                "not what its cell says: compiled code was not mapped".to_owned()
            ));
        }
        let phases = if verdict.is_ok() {
            self.phases(&planned, &started)
        } else {
            Ok(Vec::new())
        };
        let verdict = verdict.and(phases.as_ref().map(|_| ()).map_err(Clone::clone));
        Measurement {
            total_ns: verdict
                .is_ok()
                .then(|| started.answered_ns.saturating_sub(started.launched_ns)),
            verdict,
            phases: phases.unwrap_or_default(),
            resources: started.resources,
            requests: None,
            attested,
        }
    }

    /// The phases of a start that is taken apart; none of one that is not.
    fn phases(&self, planned: &Planned, started: &Started) -> Result<Vec<PhaseTime>, String> {
        match (planned.observer, &started.milestones) {
            (Observer::None, _) => Ok(Vec::new()),
            (Observer::Seccomp, Some(seen)) if listens(planned.workload) => {
                seen.phases(started.answered_ns, planned.acquire.is_none())
            }
            (Observer::Seccomp, Some(seen)) => {
                seen.phases_of_run(started.answered_ns, planned.acquire.is_none())
            }
            (Observer::Seccomp, None) => Err("the observer saw nothing".to_owned()),
            (Observer::Own, _) => {
                let acquire = planned.acquire.ok_or("machine code tells no milestones")?;
                let text = std::fs::read_to_string(self.told())
                    .map_err(|error| format!("its own milestones cannot be read: {error}"))?;
                Told::read(&text)?.phases(acquire, started.launched_ns, started.answered_ns)
            }
        }
    }

    /// Waits for what a service tells after its first answer. The start is over then: this decides
    /// nothing that is timed.
    fn wait_until_told(&self) {
        let until_ns = now_ns() + 1_000_000_000;
        while !self.told().exists() && now_ns() < until_ns {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where a service tells its own milestones.
    fn told(&self) -> PathBuf {
        self.work.join("milestones.json")
    }

    /// What a cell launches: what was prepared for its kind, with what it leaves out, and what it
    /// is to tell.
    pub(super) fn varied(&self, planned: &Planned, ready: &Ready) -> Result<Ready, String> {
        let mut ready = ready.clone();
        if planned.without == Some(WORK) {
            return Ok(ready.bare(self.systems.adapter(planned.system)));
        }
        if let Some(without) = planned.without {
            let extras = self.systems.adapter(planned.system).extras();
            let extra = extras.iter().find(|extra| extra.name == without);
            ready = ready.without(
                extra.ok_or_else(|| format!("it has no `{without}` that could be left out"))?,
            );
        }
        if planned.observer == Observer::Own {
            if !self.systems.adapter(planned.system).tells_milestones() {
                return Err("it does not tell its own milestones".to_owned());
            }
            let _ = std::fs::remove_file(self.told());
            ready = ready.telling(&self.told());
        }
        Ok(ready)
    }
}

/// What a start showed.
pub(super) struct Started {
    pub(super) verdict: Result<(), String>,
    launched_ns: u64,
    pub(super) answered_ns: u64,
    milestones: Option<observe::Milestones>,
    pub(super) resources: results::record::Resources,
    pub(super) attested: BTreeMap<String, Value>,
}

impl Started {
    /// Of a process that has answered; the rest is filled in.
    fn of(running: &mut Running) -> Self {
        Self {
            launched_ns: running.launched_ns(),
            milestones: running.milestones(),
            ..Self::failed(String::new())
        }
    }

    fn failed(reason: impl Into<String>) -> Self {
        Self {
            verdict: Err(reason.into()),
            launched_ns: 0,
            answered_ns: 0,
            milestones: None,
            resources: results::record::Resources::default(),
            attested: BTreeMap::new(),
        }
    }
}

fn unlike(what: &str, wanted: &str, found: &str) -> String {
    format!("not what its cell says: {what} should be a {wanted} and was a {found}")
}

/// The end of a system's log, as a part of a reason.
pub(super) fn said(running: &mut Running) -> String {
    let tail = running.log_tail();
    if tail.trim().is_empty() {
        "; its log is empty".to_owned()
    } else {
        format!("; the end of its log: {:?}", tail.trim())
    }
}

/// Ports other than the one that it was told, as a part of a reason.
fn elsewhere(running: &Running, port: u16) -> String {
    let others: Vec<_> = ports::of_group(running.pid())
        .unwrap_or_default()
        .into_iter()
        .filter(|found| *found != port)
        .collect();
    if others.is_empty() {
        String::new()
    } else {
        format!("; it listens on {others:?} and not on {port}")
    }
}

/// Compiled code in a cache: what grows by a miss. Statistics of entries are written by hits too.
fn entries(cache: &Path) -> usize {
    let Ok(read) = std::fs::read_dir(cache) else {
        return 0;
    };
    let of = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let is_code =
            path.extension().is_none() && !entry.file_name().as_encoded_bytes().starts_with(b".");
        if path.is_dir() {
            entries(&path)
        } else {
            usize::from(is_code)
        }
    };
    read.flatten().map(of).sum()
}

pub(super) fn emptied(cache: &Path) -> Result<(), String> {
    std::fs::remove_dir_all(cache)
        .and_then(|()| std::fs::create_dir_all(cache))
        .map_err(|error| format!("cannot empty {}: {error}", cache.display()))
}

/// Whether a file is mapped into a process as code.
fn is_mapped(pid: u32, file: &Path) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let name = file.display().to_string();
    maps.lines().any(|line| {
        line.ends_with(&name)
            && line
                .split(' ')
                .nth(1)
                .is_some_and(|rights| rights.contains('x'))
    })
}
