//! Everything that can be wrong with TOML, whatever it describes.

use std::path::Path;

use super::*;

fn wrong(text: &str, look: impl Fn(&[Node<'_>]) -> Result<(), Wrong>) -> String {
    let source = Source {
        name: "x.toml",
        text,
    };
    let looked = source
        .parse()
        .and_then(|table| look(&Fields::of(source, &table).all()));
    let wrong = looked.unwrap_err();
    assert_eq!(wrong.exit, campaign::Exit::Usage);
    wrong.to_string()
}

#[test]
fn everything_wrong_is_named_by_file_line_and_key() {
    let said = wrong("a = 1\nb = [", |_| Ok(()));
    assert!(said.starts_with("x.toml:2: "), "{said}");
    let said = wrong("[a]\nport = 1\nport = 2", |_| Ok(()));
    assert_eq!(said, "x.toml:3: `port` stands here a second time");
    let said = wrong("[a.b]\nx = 1\n[a.b]\ny = 2", |_| Ok(()));
    assert!(
        said.starts_with("x.toml:3: ") && said.ends_with("stands here a second time"),
        "{said}"
    );
    let said = wrong("\n\n[a]\nx = 1\nrequst = 2", |nodes| {
        nodes[0].known_fields(&["x", "request"]).map(drop)
    });
    assert_eq!(
        said,
        "x.toml:5: a.requst: `requst` is no key: there are x, request; did you mean `request`?"
    );
    let said = wrong("a = 1", |nodes| nodes[0].text().map(drop));
    assert_eq!(
        said,
        "x.toml:1: a: this is a number, and a text is expected"
    );
    let said = wrong("a = [\"x\",\n 2]", |nodes| {
        let list = nodes[0].list()?;
        list.iter().try_for_each(|it| it.text().map(drop))
    });
    assert!(
        said.starts_with("x.toml:2: a[1]: this is a number"),
        "{said}"
    );
    let said = wrong("a = 70000", |nodes| nodes[0].whole(1..=9).map(drop));
    assert!(
        said.contains("this is 70000, and a whole number from 1 to 9"),
        "{said}"
    );
    let said = wrong("a = \"servce\"", |nodes| {
        nodes[0].word("kind", &["service", "command"]).map(drop)
    });
    assert!(
        said.contains("`servce` is no kind") && said.contains("did you mean `service`?"),
        "{said}"
    );
    let said = wrong("a = \"b\\u0000c\"", |nodes| nodes[0].any_text().map(drop));
    assert!(said.contains("zero byte"), "{said}");
}

#[test]
fn a_texts_order_is_kept_and_lists_are_what_stands_in_them() {
    let source = Source {
        name: "x.toml",
        text: "z = \"\"\na = [1, true]\n",
    };
    let table = source.parse().unwrap();
    let all = Fields::of(source, &table).all();
    let keys: Vec<_> = all.iter().map(|node| node.key).collect();
    assert_eq!(keys, ["z", "a"]);
    assert_eq!(all[0].any_text(), Ok(""));
    assert!(all[0].text().is_err() && all[0].list().is_err());
    let [number, flag] = &all[1].each()[..] else {
        panic!("{:?}", all[1])
    };
    assert_eq!((number.whole(0..=9), flag.flag()), (Ok(1), Ok(true)));
}

#[test]
fn what_is_no_file_or_too_long_or_no_text_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &Path| read(path).unwrap_err().to_string();
    assert!(said(folder.path()).contains("it is no file"));
    assert!(said(&folder.path().join("none")).contains("No such file"));
    assert!(said(Path::new("/dev/zero")).contains("it is no file"));
    let long = folder.path().join("long.toml");
    std::fs::write(&long, vec![b'#'; 300 << 10]).unwrap();
    assert!(said(&long).contains("has more than"));
    std::fs::write(&long, b"[workload.x]\n# caf\xe9\n").unwrap();
    assert!(said(&long).ends_with("long.toml:2: this line is no text in UTF-8"));
}

#[test]
fn what_is_nested_without_end_is_refused_and_fills_no_stack() {
    let n = usize::try_from(super::LONGEST).unwrap() / 4;
    for text in [
        format!("{}a = 1\n", "a.".repeat(n)),
        format!("[{}a]\n", "a.".repeat(n)),
        format!("a = {}1{}\n", "[".repeat(n), "]".repeat(n)),
        format!("a = {}1{}\n", "{a = ".repeat(n / 2), "}".repeat(n / 2)),
    ] {
        // The stack that a thread has.
        let parsed = std::thread::spawn(move || {
            let source = Source {
                name: "evil.toml",
                text: &text,
            };
            source.parse().is_err()
        });
        assert!(parsed.join().unwrap());
    }
}
