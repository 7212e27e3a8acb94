//! Every command of ours that a document shows is one that the programs take.
//!
//! Nothing is run: what a command does is for the tests of its program. What this finds is a flag that has
//! been renamed, or a command that has gone, and stands in the guide still.

use std::path::{Path, PathBuf};

use clap::Command;
use clap::error::ErrorKind;

use super::manuals;

/// A command line, and where it stands.
struct Shown {
    place: String,
    words: Vec<String>,
}

fn root() -> PathBuf {
    results::checkout::root().to_owned()
}

/// The documents that people are sent to.
fn documents() -> Vec<PathBuf> {
    let mut found = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
        .map(|name| root().join(name))
        .to_vec();
    let mut folders = vec![root().join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The command lines of a document: those of its consoles, and what stands in a line of prose and begins
/// as one does.
fn shown(path: &Path) -> Vec<Shown> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut shown = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut is_console = false;
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```") {
            is_console = line.starts_with("```console");
            continue;
        }
        let place = format!("{}:{}", path.display(), number + 1);
        if !is_console {
            let spans = line.split('`').skip(1).step_by(2);
            let spans = spans.filter(|it| it.starts_with("cargo run ") && !it.contains('…'));
            shown.extend(spans.filter_map(|it| words(it).map(|words| (place.clone(), words))));
            continue;
        }
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        // A line that ends within quotes, or with a backslash, goes on.
        let mut command = command.to_owned();
        while command.ends_with('\\') || words(&command).is_none() {
            let Some((_, next)) = lines.next() else {
                panic!("{place}: it does not end: {command}");
            };
            command = format!("{}\n{next}", command.trim_end_matches('\\'));
        }
        shown.extend(words(&command).map(|words| (place, words)));
    }
    let shown = shown.into_iter();
    shown.map(|(place, words)| Shown { place, words }).collect()
}

/// A command line as a shell splits it, without a comment at its end; nothing of what is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let words = shlex::split(line)?;
    let variables = words
        .iter()
        .take_while(|it| it.contains('=') && !it.starts_with('-'));
    let variables = variables.count();
    let ends = |word: &String| ["&&", "|", ";", ">", "<<END"].contains(&word.as_str());
    Some(
        words
            .into_iter()
            .skip(variables)
            .take_while(|it| !ends(it))
            .collect(),
    )
}

/// The program that a command line leads to, and what that is given; nothing where it is none of ours.
fn leads_to(words: &[String]) -> Option<(String, &[String])> {
    let at = |index: usize| words.get(index).map(String::as_str);
    match (at(0)?, at(1), at(2)) {
        ("cargo", Some("run"), Some("--")) => Some(("coldphase".to_owned(), &words[3..])),
        ("cargo", Some("run"), Some("-p")) => {
            let rest = words.iter().position(|it| it == "--")?;
            let is_example = words[..rest].iter().any(|it| it == "--example");
            (!is_example).then(|| (words[3].clone(), &words[rest + 1..]))
        }
        (program, ..) if program.ends_with("/coldphase") || program == "coldphase" => {
            Some(("coldphase".to_owned(), &words[1..]))
        }
        _ => None,
    }
}

/// What the program says of a command line that it does not take.
fn refusal(program: &Command, given: &[String]) -> Option<String> {
    let name = program.get_name().to_owned();
    let line = std::iter::once(&name).chain(given);
    let error = program.clone().try_get_matches_from(line).err()?;
    let is_shown = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    (!is_shown).then(|| error.to_string())
}

#[test]
fn every_command_in_the_documents_is_one_that_its_program_takes() {
    let programs = manuals::programs();
    let (mut taken, mut wrong) = (0, Vec::new());
    for document in documents() {
        for shown in shown(&document) {
            let Some((name, given)) = leads_to(&shown.words) else {
                continue;
            };
            let Some(program) = programs.iter().find(|it| it.get_name() == name) else {
                continue;
            };
            match refusal(program, given) {
                None => taken += 1,
                Some(why) => wrong.push(format!("{}: {}\n{why}", shown.place, given.join(" "))),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken > 100, "only {taken} commands were found");
}

#[test]
fn what_setup_is_told_to_install_is_what_it_knows() {
    let text = std::fs::read_to_string(root().join("setup")).unwrap();
    let lists = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("KNOWN=("));
    let known: Vec<_> = lists
        .flat_map(|list| list.trim_end_matches(')').split(' '))
        .collect();
    assert!(known.contains(&"docker"), "{known:?}");
    for document in documents() {
        for shown in shown(&document) {
            if shown.words.first().is_none_or(|it| it != "./setup") {
                continue;
            }
            let names = shown.words[1..].iter().filter(|it| !it.starts_with('-'));
            for name in names {
                assert!(known.contains(&name.as_str()), "{}: {name}", shown.place);
            }
        }
    }
}

#[test]
fn a_command_that_no_program_takes_is_found() {
    let programs = manuals::programs();
    let external = programs.iter().find(|it| it.get_name() == "external");
    let line = words("cargo run -p external -- suite --smaples 3   # fewer").unwrap();
    let (name, given) = leads_to(&line).unwrap();
    assert_eq!(name, "external");
    assert!(refusal(external.unwrap(), given).is_some_and(|it| it.contains("--samples")));
    let line = words("A='b c' cargo run -p external -- suite --samples 3 && true").unwrap();
    let (_, given) = leads_to(&line).unwrap();
    assert_eq!(given, ["suite", "--samples", "3"]);
    assert_eq!(refusal(external.unwrap(), given), None);
    assert_eq!(words("cargo run -p external -- load 'http://"), None);
}
