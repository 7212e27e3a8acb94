//! What a run's record does not keep, and how such a run is resumed.

use super::*;

const SECRET: &str = "hunter2-and-more";

/// Every file below a folder, as text.
fn texts(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let of = |entry: std::fs::DirEntry| {
        let path = entry.path();
        if path.is_dir() {
            return texts(&path);
        }
        let bytes = std::fs::read(&path).unwrap();
        vec![(path, String::from_utf8_lossy(&bytes).into_owned())]
    };
    entries.flat_map(of).collect()
}

#[test]
fn no_secret_of_a_command_line_is_in_a_run_and_the_run_is_resumed_with_it() {
    let host = Host::new();
    let component = built("http.component.wasm");
    let request = format!("GET /?access_token={SECRET}");
    let data = tempfile::tempdir().unwrap();
    let phases = |arguments: &[&str]| {
        let mut command = host.command(arguments);
        ran(command.env("XDG_DATA_HOME", data.path()).output().unwrap())
    };
    let call = ["--artifact", &component, "--request", &request];
    let begun = phases(&[&call[..], &["--samples", "1"], &ONE_CELL[..]].concat());
    begun.measured_all(&host);
    let key = std::fs::read(data.path().join("coldphase/key")).unwrap();
    for (path, text) in texts(&host.runs()[0]) {
        assert!(!text.contains(SECRET), "{}", path.display());
        assert!(!text.contains(&hex::encode(&key)), "{}", path.display());
    }
    let manifest = std::fs::read_to_string(host.runs()[0].join("manifest.json")).unwrap();
    assert!(
        manifest.contains("GET /?access_token=[masked]"),
        "{manifest}"
    );
    if let Some(home) =
        std::env::home_dir().filter(|home| component.starts_with(home.to_str().unwrap()))
    {
        assert!(
            !manifest.contains(&format!("{}/", home.display())),
            "{manifest}"
        );
    }

    let without = phases(&["--resume", "latest"]);
    assert_eq!(without.code, 7, "{}", without.stderr);
    assert!(
        without.stderr.contains("give --request again"),
        "{}",
        without.stderr
    );
    let other = phases(&[
        "--resume",
        "latest",
        "--request",
        "GET /?access_token=another-one",
    ]);
    assert_eq!(other.code, 7, "{}", other.stderr);
    assert!(other.stderr.contains("not the call"), "{}", other.stderr);
    phases(&["--resume", "latest", "--request", &request]).measured_all(&host);
}
