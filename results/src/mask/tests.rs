//! What is masked, and what stays.

use super::*;

const SECRETS: &[&str] = &["hunter2", "c29tZTpzZWNyZXQ", "0123abc"];

#[test]
fn what_is_named_a_credential_is_masked() {
    for with in [
        "GET /?token=hunter2",
        "GET /?a=1&access_token=hunter2&b=2",
        "POST /login {\"user\": \"u\", \"password\": \"hunter2\"}",
        "POST /login {\\\"password\\\":\\\"hunter2\\\"}",
        "Authorization: Bearer hunter2",
        "authorization: Basic c29tZTpzZWNyZXQ",
        "Cookie: id=hunter2; other=0123abc",
        "X-Api-Key: hunter2",
        "API_KEY=hunter2",
        "--password=hunter2",
        "clientSecret=hunter2",
        "https://user:hunter2@example.org/x",
        "https://hunter2@example.org",
        "connection to nats://u:hunter2@127.0.0.1:4222 failed",
        "DB_PASSWORD='hunter2'",
    ] {
        let without = text(with);
        assert!(without.contains(MASK), "{without}");
        assert!(
            SECRETS.iter().all(|secret| !without.contains(secret)),
            "{without}"
        );
    }
    assert_eq!(
        text("GET /?a=1&token=hunter2&b=2"),
        "GET /?a=1&token=[masked]&b=2"
    );
    assert_eq!(
        text("https://u:hunter2@h/p?q=1"),
        "https://[masked]@h/p?q=1"
    );
}

#[test]
fn what_looks_like_a_token_is_masked_whatever_it_is_called() {
    for token in [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "d41d8cd98f00b204e9800998ecf8427e",
        "kP9sQ2xZr7TfW1yB6mLd0Hn4",
    ] {
        for around in [
            format!("GET /{token}"),
            format!("--arg={token}"),
            format!("x {token} y"),
        ] {
            assert!(!text(&around).contains(token), "{around}");
        }
    }
}

#[test]
fn what_people_write_stays() {
    for kept in [
        "cargo run -p host -- phases --profile standard --samples 40 --select allocator=pooling",
        "external suite --only workload=hello,workload=http-hello --seed 123456",
        "20261123T074200Z-3f9a",
        "/srv/coldphase/target/release/external",
        "GET /items?page=2&sort=name",
        "wasmtime-embedded failed: error while executing at wasm backtrace",
        "http://127.0.0.1:4222/path",
        "a_function_with_a_rather_long_name_in_it",
        "the answer was 404: `not found`",
    ] {
        assert_eq!(text(kept), kept);
    }
}

#[test]
fn an_argument_after_an_option_that_tells_is_masked() {
    let masked = |given: &[&str]| arguments(given).join(" ");
    assert_eq!(
        masked(&["x", "--password", "hunter2"]),
        "x --password [masked]"
    );
    assert_eq!(
        masked(&["x", "--arg", "--password", "--arg", "hunter2", "--arg", "y"]),
        "x --arg --password --arg [masked] --arg y"
    );
    assert_eq!(
        masked(&["x", "--env", "API_KEY=hunter2"]),
        "x --env API_KEY=[masked]"
    );
    assert_eq!(masked(&["x", "--token"]), "x --token");
}

#[test]
fn a_home_is_shortened_only_where_it_is_one() {
    let short = |text| replace_folder(text, "/home/ada", "~");
    assert_eq!(short("/home/ada/x and /home/ada"), "~/x and ~");
    assert_eq!(short("/home/ada2/x"), "/home/ada2/x");
    assert_eq!(short("/mnt/home/ada/x"), "/mnt/home/ada/x");
    let home = std::env::home_dir()
        .unwrap()
        .join("x.wasm")
        .display()
        .to_string();
    assert_eq!(expand(&shorten(&home)), home);
}

#[test]
fn what_was_masked_is_known_and_never_said_again() {
    let given = [
        "x",
        "--arg",
        "--password",
        "--arg",
        "hunter2",
        "--request",
        "GET /?token=0123abc&b=2",
    ];
    let secrets = secrets(&given);
    assert_eq!(secrets, ["hunter2", "0123abc"]);
    let digest = "a".repeat(64);
    assert_eq!(
        reason(
            &format!("the guest says hunter2; {digest}; key: it; http://u:p@h"),
            &secrets
        ),
        format!("the guest says [masked]; {digest}; key: it; http://[masked]@h")
    );
}

proptest::proptest! {
    #[test]
    fn masking_never_fails_and_masks_nothing_twice(any in "\\PC{0,80}") {
        let once = credentials(&any);
        proptest::prop_assert_eq!(credentials(&once), once);
    }

    #[test]
    fn a_value_of_a_telling_name_never_stays(value in "[a-zA-Z0-9]{6,20}", before in "[a-z ]{0,9}") {
        for given in [format!("{before}&token={value}"), format!("{before} Authorization: Bearer {value}"), format!("{before} \"password\":\"{value}\"")] {
            let tail = &credentials(&given)[before.len()..];
            proptest::prop_assert!(!tail.contains(&value), "{}", tail);
        }
    }
}
