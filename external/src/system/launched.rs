//! What is launched for each system, in words: for documents, out of the adapters themselves.

use results::values::Named as _;
use workloads::Workload;

use super::placeholders::Placeholder;
use super::{ADDRESS, Acquire, BuildRequest, Commands, Paths, System};

/// The command lines of a system in one of its modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// The system's name.
    pub system: &'static str,
    /// The code acquisition mode; nothing for machine code.
    pub acquire: Option<&'static str>,
    /// What compiles the guest, once for all starts; nothing where nothing does.
    pub compile: Option<String>,
    /// A start of a service, if it has any.
    pub service: Option<String>,
    /// A start of a command, if it has any.
    pub command: Option<String>,
    /// What of it [can be left out](super::Adapter::differences) to be like the same engine used the
    /// other way, each with the command line of a service that is without it and all before it.
    pub without: Vec<(&'static str, String)>,
}

/// Every system that is a program which is launched, in each of its modes. Those that an engine of
/// their own starts have no command lines.
pub fn launched() -> Vec<Launched> {
    let modes = |system: System| match system.acquire_modes() {
        [] => vec![(system, None)],
        modes => modes.iter().map(|mode| (system, Some(*mode))).collect(),
    };
    let all = System::all().into_iter().flat_map(modes);
    all.filter_map(|(system, acquire)| one(system, acquire))
        .collect()
}

fn one(system: System, acquire: Option<Acquire>) -> Option<Launched> {
    let paths = Paths {
        guest: "GUEST".to_owned(),
        code: "CODE".to_owned(),
        cache: "CACHE".to_owned(),
        cache_config: "CACHE.toml".to_owned(),
    };
    let commands = |workload, left_out| {
        let build = BuildRequest {
            workload,
            acquire,
            instancing: system.usual_instancing(workload),
            own: None,
            left_out,
            folder: "".as_ref(),
        };
        system.commands(&build, &paths)
    };
    let service = commands(Workload::HttpHello, &[]);
    let command = commands(Workload::Hello, &[]);
    let any = service.as_ref().or(command.as_ref())?;
    let differences = system.differences(acquire);
    let without = (1..=differences.len()).filter_map(|n| {
        let commands = commands(Workload::HttpHello, &differences[..n])?;
        Some((differences[n - 1], line(&commands, &commands.launch)))
    });
    Some(Launched {
        system: system.name(),
        acquire: acquire.map(Acquire::name),
        compile: any.compile.as_ref().map(|it| line(any, it)),
        without: without.collect(),
        service: service.map(|it| line(&it, &it.launch)),
        command: command.map(|it| line(&it, &it.launch)),
    })
}

/// A command line as a person would type it.
fn line(commands: &Commands, arguments: &[String]) -> String {
    let mut line = String::new();
    for (name, value) in &commands.environment {
        line.extend([name.as_str(), "=", value, " "]);
    }
    line.push_str(&commands.program);
    for argument in arguments {
        line.push(' ');
        let argument = argument.replace(ADDRESS, "IP:PORT");
        let argument = argument.replace(Placeholder::Ip.written(), "IP");
        line.push_str(&argument.replace(Placeholder::Port.written(), "PORT"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_launched_is_what_the_page_says() {
        let page = include_str!("../../../docs/src/systems.md");
        for it in launched() {
            let shown = |line: Option<String>| {
                line.map_or_else(|| "–".to_owned(), |line| format!("`{line}`"))
            };
            let [compile, service, command] = [it.compile, it.service, it.command].map(shown);
            let row = format!("| {compile} | {service} | {command} |");
            assert!(page.contains(&row), "{} {:?}: {row}", it.system, it.acquire);
        }
    }

    #[test]
    fn each_thing_that_is_left_out_changes_what_is_launched_or_compiled() {
        let launched = launched();
        let modes: Vec<_> = launched.iter().map(|it| (it.system, it.acquire)).collect();
        assert!(modes.contains(&("native", None)));
        assert!(modes.contains(&("wasmedge-cli", Some("jit"))));
        assert!(modes.iter().all(|(system, _)| *system != "docker"));
        for it in &launched {
            let mut before = it.service.as_ref();
            for (name, line) in &it.without {
                // How much is optimised ahead of time shows in what compiles alone.
                assert!(
                    Some(line) != before || *name == "o3",
                    "{} {name}",
                    it.system
                );
                before = Some(line);
            }
        }
    }
}
