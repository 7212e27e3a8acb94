use super::*;
use crate::commands::BOTH;

fn root(command: &'static str) -> Root {
    Root {
        command,
        arguments: &[],
        tests: false,
        group: Some(command),
        shared: BOTH,
    }
}

fn resolution(crates: &[(&str, Side, &[&str])]) -> Resolution {
    crates
        .iter()
        .map(|(name, side, features)| {
            let krate = Crate {
                name: (*name).to_owned(),
                version: "0.2.1+meta".to_owned(),
                side: *side,
            };
            (
                krate,
                features.iter().map(|name| (*name).to_owned()).collect(),
            )
        })
        .collect()
}

fn lacks(resolutions: &[Resolution; 3]) -> Vec<String> {
    let names = ["first", "second", "third"];
    let resolutions: Vec<_> = names
        .into_iter()
        .map(root)
        .zip(resolutions.iter().cloned())
        .collect();
    let union = unite(&resolutions);
    find_lacks(&resolutions, &union)
        .iter()
        .map(Lack::to_string)
        .collect()
}

#[test]
fn a_crate_with_other_features_is_lacking_in_each_command_that_compiles_it() {
    let found = lacks(&[
        resolution(&[("a", Side::Program, &["std"]), ("b", Side::Program, &[])]),
        resolution(&[("a", Side::Program, &["std", "net"])]),
        resolution(&[
            ("a", Side::Program, &["rt", "std"]),
            ("c", Side::Build, &["x"]),
        ]),
    ]);
    assert_eq!(
        found,
        [
            "`first` compiles a 0.2.1+meta without the features that others turn on: net, rt",
            "`second` compiles a 0.2.1+meta without the features that others turn on: rt",
            "`third` compiles a 0.2.1+meta without the features that others turn on: net",
        ]
    );
}

#[test]
fn the_first_command_compiles_for_both_sides_what_the_next_ones_do() {
    let found = lacks(&[
        resolution(&[("a", Side::Program, &["std"])]),
        resolution(&[("a", Side::Build, &[]), ("b", Side::Build, &[])]),
        resolution(&[]),
    ]);
    let expected = "`first` compiles this crate for the other side only: \
                    a 0.2.1+meta (while building)";
    assert_eq!(found, [expected]);
}

#[test]
fn each_side_has_a_manifest_of_its_own() {
    let crates = resolution(&[("a", Side::Program, &["std"]), ("a", Side::Build, &[])]);
    let additions = Additions::from([("host", crates)]);
    let program = render(&additions, Side::Program);
    let entry = "a-0_2 = { package = \"a\", version = \"0.2.1\", optional = true, \
                 default-features = false, features = [\"std\"] }";
    assert!(
        program.contains("\nname = \"workspace-hack\"\n"),
        "{program}"
    );
    assert!(
        program.contains("host = [\n    \"dep:a-0_2\",\n    \"workspace-hack-build/host\",\n]\n")
    );
    assert!(program.contains(entry), "{program}");
    let build = render(&additions, Side::Build);
    assert!(
        build.contains("\nname = \"workspace-hack-build\"\n"),
        "{build}"
    );
    assert!(
        build.contains("host = [\n    \"dep:a-0_2\",\n]\nhost-wasmedge = []\n"),
        "{build}"
    );
    assert!(build.contains(&entry.replace("\"std\"", "")), "{build}");
}
