use std::io::Write as _;

use host_probe::given::{Given, Variable};
use host_probe::request::{Kind, World};
use host_probe::settings::Configuration;

use super::*;

fn spec(call: Call, given: Given) -> Spec {
    Spec {
        file: "x.wasm".into(),
        kind: Kind::Module,
        acquire: Configuration::BASELINE.acquire,
        cache: None,
        settings: Configuration::BASELINE.settings,
        world: World::Preview1,
        given,
        call,
        time_limit_ms: 1000,
        memory_limit_bytes: 0,
    }
}

fn command(arguments: &[&str]) -> Wasi {
    let arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
    Wasi::new(&spec(Call::Run(arguments), Given::default())).unwrap()
}

fn function(name: &str) -> &'static Function {
    FUNCTIONS.iter().find(|it| it.name == name).unwrap()
}

fn call(wasi: &mut Wasi, mut memory: &mut [u8], name: &str, arguments: &[u64]) -> Option<i32> {
    let function = function(name);
    assert_eq!(arguments.len(), function.parameters.len(), "{name}");
    function.call(wasi, &mut memory, arguments)
}

fn number(memory: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(memory[at..at + 4].try_into().unwrap())
}

/// Has a guest write pieces of its memory: `(at, length)` each.
fn write(
    wasi: &mut Wasi,
    memory: &mut [u8],
    descriptor: u64,
    pieces: &[(u32, u32)],
) -> Option<i32> {
    for (nth, (at, length)) in pieces.iter().enumerate() {
        memory[nth * 8..nth * 8 + 4].copy_from_slice(&at.to_le_bytes());
        memory[nth * 8 + 4..nth * 8 + 8].copy_from_slice(&length.to_le_bytes());
    }
    let count = pieces.len() as u64;
    call(wasi, memory, "fd_write", &[descriptor, 0, count, 100])
}

#[test]
fn a_guest_learns_its_arguments_and_its_environment() {
    let given = Given {
        environment: vec![Variable::parse("A=b").unwrap()],
        ..Given::default()
    };
    let arguments = ["cmd".to_owned(), "x yz".to_owned()].to_vec();
    let mut wasi = Wasi::new(&spec(Call::Run(arguments), given)).unwrap();
    let mut memory = vec![0; 64];
    for (sizes, get, texts) in [
        ("args_sizes_get", "args_get", &["cmd\0", "x yz\0"][..]),
        ("environ_sizes_get", "environ_get", &["A=b\0"]),
    ] {
        assert_eq!(call(&mut wasi, &mut memory, sizes, &[0, 4]), Some(0));
        let all = texts.concat();
        assert_eq!(number(&memory, 0) as usize, texts.len());
        assert_eq!(number(&memory, 4) as usize, all.len());
        assert_eq!(call(&mut wasi, &mut memory, get, &[8, 32]), Some(0));
        assert_eq!(&memory[32..32 + all.len()], all.as_bytes());
        let mut at = 32;
        for (nth, text) in texts.iter().enumerate() {
            assert_eq!(number(&memory, 8 + 4 * nth) as usize, at);
            at += text.len();
        }
    }
}

#[test]
fn what_is_printed_is_kept_apart_and_answered() {
    let mut wasi = command(&["cmd"]);
    let mut memory = vec![0; 128];
    memory[40..46].copy_from_slice(b"hello\n");
    memory[50..53].copy_from_slice(b"why");
    let written = write(&mut wasi, &mut memory, 1, &[(40, 2), (42, 4)]);
    assert_eq!((written, number(&memory, 100)), (Some(0), 6));
    assert_eq!(write(&mut wasi, &mut memory, 2, &[(50, 3)]), Some(0));
    assert_eq!(
        write(&mut wasi, &mut memory, 3, &[(50, 3)]),
        Some(8),
        "EBADF"
    );
    assert_eq!(
        write(&mut wasi, &mut memory, 1, &[(120, 9)]),
        Some(21),
        "EFAULT"
    );
    let answered = wasi.answer(Ok(())).unwrap();
    assert_eq!(
        (answered.code, &*answered.body_hex),
        (0, &*hex::encode("hello\n"))
    );
    assert_eq!(wasi.complaint(), "; its standard error: \"why\"");
    let trapped = Failure::new(Cause::Guest, "unreachable");
    let trapped = wasi.answer(Err(trapped)).unwrap_err();
    assert_eq!(trapped.cause, Cause::Guest);
    assert_eq!(trapped.reason, "unreachable; its standard error: \"why\"");
}

#[test]
fn an_exit_is_an_answer_with_its_code() {
    let mut wasi = command(&["cmd"]);
    assert_eq!(call(&mut wasi, &mut [], "proc_exit", &[3]), None);
    assert_eq!(wasi.stopped(), Some(Stop::Exit(3)));
    assert_eq!(
        wasi.answer(Err(Failure::new(Cause::Guest, "stopped")))
            .unwrap()
            .code,
        3
    );
}

#[test]
fn a_guest_that_prints_too_much_is_stopped() {
    let mut wasi = command(&["cmd"]);
    let mut memory = vec![0; 1024 * 1024];
    let piece = 1024 * 1024;
    for _ in 0..OUTPUT_BYTES / piece {
        let whole = u32::try_from(piece).unwrap();
        assert_eq!(write(&mut wasi, &mut memory, 1, &[(0, whole)]), Some(0));
    }
    assert_eq!(write(&mut wasi, &mut memory, 1, &[(0, 1)]), None);
    let failure = wasi
        .answer(Err(Failure::new(Cause::Guest, "stopped")))
        .unwrap_err();
    assert_eq!(failure.cause, Cause::OutputLimit);
    // However long it says that it is, no memory is set aside for it.
    let mut wasi = command(&["cmd"]);
    assert_eq!(write(&mut wasi, &mut memory, 2, &[(0, u32::MAX)]), None);
}

#[test]
fn standard_input_is_what_was_given_and_nothing_otherwise() {
    let mut memory = vec![0; 128];
    let read = |wasi: &mut Wasi, memory: &mut Vec<u8>| {
        memory[..16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(call(wasi, memory, "fd_read", &[0, 0, 2, 100]), Some(0));
        memory[40..40 + number(memory, 100) as usize].to_vec()
    };
    assert_eq!(read(&mut command(&["cmd"]), &mut memory), b"");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"abcdef").unwrap();
    let given = Given {
        stdin: Some(file.path().to_owned()),
        ..Given::default()
    };
    let mut wasi = Wasi::new(&spec(Call::Run(Vec::new()), given)).unwrap();
    assert_eq!(read(&mut wasi, &mut memory), b"abcd");
    assert_eq!(read(&mut wasi, &mut memory), b"ef");
    assert_eq!(read(&mut wasi, &mut memory), b"");
}

#[test]
fn clocks_go_and_random_numbers_differ() {
    let mut wasi = command(&["cmd"]);
    let mut memory = vec![0; 64];
    let mut time = |id: u64| {
        let told = call(&mut wasi, &mut memory, "clock_time_get", &[id, 0, 0]);
        let bytes = memory[..8].try_into().unwrap();
        (told, u64::from_le_bytes(bytes))
    };
    let (first, second) = (time(1), time(1));
    assert!(first.0 == Some(0) && first.1 > 0 && second.1 >= first.1);
    assert_eq!(time(9).0, Some(28), "EINVAL");
    let mut memory = vec![0; 10_000];
    assert_eq!(
        call(&mut wasi, &mut memory, "random_get", &[0, 9_000]),
        Some(0)
    );
    assert!(memory[..16] != memory[16..32] && memory[8_000..9_000].iter().any(|it| *it != 0));
    assert_eq!(memory[9_000..], vec![0; 1_000]);
    assert_eq!(
        call(&mut wasi, &mut memory, "random_get", &[9_999, 2]),
        Some(21)
    );
}

#[test]
fn there_are_no_files_and_that_is_said() {
    let mut wasi = command(&["cmd"]);
    let mut memory = vec![0; 64];
    assert_eq!(
        call(&mut wasi, &mut memory, "fd_prestat_get", &[3, 0]),
        Some(8)
    );
    assert_eq!(
        call(&mut wasi, &mut memory, "fd_seek", &[1, 0, 0, 0]),
        Some(70)
    );
    assert_eq!(
        call(&mut wasi, &mut memory, "fd_fdstat_get", &[1, 0]),
        Some(0)
    );
    assert_eq!((memory[0], memory[8]), (0, 1 << 6));
    let given = Given {
        folders: vec![host_probe::given::Folder::parse("/tmp::/data").unwrap()],
        ..Given::default()
    };
    let refused = Wasi::new(&spec(Call::Run(Vec::new()), given)).unwrap_err();
    assert!(refused.reason.contains("/data"), "{refused}");
}

#[test]
fn no_function_has_more_parameters_than_are_said() {
    for function in &FUNCTIONS {
        assert!(
            function.parameters.len() <= MOST_PARAMETERS,
            "{}",
            function.name
        );
        assert_eq!(function.returns, function.name != "proc_exit");
    }
}
