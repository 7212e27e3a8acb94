//! A guest that tells what it was given, byte for byte as a toolchain would write it.

/// A command that prints its variables and what is in the file called `file` in its first folder;
/// nothing of what it was not given.
pub(super) fn teller() -> Vec<u8> {
    let imports = [
        import("environ_sizes_get", TWO),
        import("environ_get", TWO),
        import("fd_read", FOUR),
        import("fd_write", FOUR),
        import("path_open", OPENS),
    ];
    let exports = [
        [text("memory"), vec![2], number(0)].concat(),
        [text("_start"), vec![0], number(imports.len())].concat(),
    ];
    let file = [vec![0], constant(NAME), vec![END], text("file")].concat();
    let body = [number(0), tell(), vec![END]].concat();
    let sections = [
        (1, vector(&TYPES.map(<[u8]>::to_vec))),
        (2, vector(&imports)),
        (3, vector(&[number(NOTHING)])),
        // A memory of two pages at least.
        (5, vector(&[vec![0, 2]])),
        (7, vector(&exports)),
        (10, vector(&[sized(body)])),
        (11, vector(&[file])),
    ];
    let sections = sections.map(|(id, content)| [vec![id], sized(content)].concat());
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

const I32: u8 = 0x7f;
const I64: u8 = 0x7e;

/// What its functions take; all but its own return a number.
const TYPES: [&[u8]; 4] = [
    &[0x60, 0, 0],
    &[0x60, 2, I32, I32, 1, I32],
    &[0x60, 4, I32, I32, I32, I32, 1, I32],
    &[0x60, 9, I32, I32, I32, I32, I32, I64, I64, I32, I32, 1, I32],
];
const NOTHING: usize = 0;
const TWO: usize = 1;
const FOUR: usize = 2;
const OPENS: usize = 3;

/// Its imports, in their order.
const SIZES: u8 = 0;
const ENVIRONMENT: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 3;
const OPEN: u8 = 4;

const END: u8 = 0x0b;
const DROP: u8 = 0x1a;

/// Places in its memory: of lengths and descriptors, of what is to be read or written, of the file's
/// name, and of what it has read.
const LENGTH: usize = 4;
const DESCRIPTOR: usize = 8;
const PIECE: usize = 16;
const PASSED: usize = 24;
const NAME: usize = 64;
const CONTENTS: usize = 1_024;
const POINTERS: usize = 16_384;
const VARIABLES: usize = 32_768;

/// The body of its one function.
fn tell() -> Vec<u8> {
    let environment = [
        call(SIZES, &[constant(0), constant(LENGTH)]),
        vec![DROP],
        call(ENVIRONMENT, &[constant(POINTERS), constant(VARIABLES)]),
        vec![DROP],
        print(VARIABLES, load(LENGTH)),
    ];
    // Its first folder is descriptor 3, which it wants to read.
    let open = [
        constant(3),
        constant(1),
        constant(NAME),
        constant("file".len()),
        constant(0),
        wide(2),
        wide(0),
        constant(0),
        constant(DESCRIPTOR),
    ];
    let read = [
        load(DESCRIPTOR),
        constant(PIECE),
        constant(1),
        constant(PASSED),
    ];
    let folder = [
        vec![0x02, 0x40],
        or_leave(call(OPEN, &open)),
        piece(CONTENTS, constant(8_192)),
        or_leave(call(READ, &read)),
        print(CONTENTS, load(PASSED)),
        vec![END],
    ];
    [environment.concat(), folder.concat()].concat()
}

/// Says where the bytes are that are read or written, and how many.
fn piece(at: usize, length: Vec<u8>) -> Vec<u8> {
    let store = vec![0x36, 2, 0];
    [
        constant(PIECE),
        constant(at),
        store.clone(),
        constant(PIECE + 4),
        length,
        store,
    ]
    .concat()
}

fn print(at: usize, length: Vec<u8>) -> Vec<u8> {
    let write = [constant(1), constant(PIECE), constant(1), constant(PASSED)];
    [piece(at, length), call(WRITE, &write), vec![DROP]].concat()
}

fn call(function: u8, arguments: &[Vec<u8>]) -> Vec<u8> {
    [arguments.concat(), vec![0x10, function]].concat()
}

/// Leaves the block if what was called returns an error.
fn or_leave(call: Vec<u8>) -> Vec<u8> {
    [call, vec![0x0d, 0]].concat()
}

fn constant(value: usize) -> Vec<u8> {
    [vec![0x41], number(value)].concat()
}

fn wide(value: usize) -> Vec<u8> {
    [vec![0x42], number(value)].concat()
}

fn load(at: usize) -> Vec<u8> {
    [constant(at), vec![0x28, 2, 0]].concat()
}

fn import(name: &str, of_type: usize) -> Vec<u8> {
    let module = text("wasi_snapshot_preview1");
    [module, text(name), vec![0], number(of_type)].concat()
}

fn text(text: &str) -> Vec<u8> {
    sized(text.as_bytes().to_vec())
}

fn vector(items: &[Vec<u8>]) -> Vec<u8> {
    [number(items.len()), items.concat()].concat()
}

fn sized(bytes: Vec<u8>) -> Vec<u8> {
    [number(bytes.len()), bytes].concat()
}

/// A number in as many groups of seven bits as it needs with a place for its sign.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 64 {
        bytes.push((value % 128 + 128).try_into().unwrap());
        value /= 128;
    }
    bytes.push(value.try_into().unwrap());
    bytes
}
