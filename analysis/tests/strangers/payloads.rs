//! Texts that do something somewhere, if they are not kept from it.

use std::io::Write as _;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a name, a reason or a fact of the machine may be.
pub(crate) const TEXTS: [&str; 40] = [
    "../../../../pwn/x",
    "/etc/passwd",
    "..",
    ".",
    "",
    "latest",
    "-rf",
    "manifest.json",
    "my service.wasm",
    "x=y,z|w&50%_$~^{}#.wasm",
    "<script>document.title='pwned'</script>",
    "\"><img src=x onerror=\"document.title='pwned'\">",
    "' autofocus onfocus='document.title=\"pwned\"",
    "x\" onmouseover=\"document.title='pwned'\" id=\"y",
    "</style><script>document.title='pwned'</script>",
    "</title><script>document.title='pwned'</script>",
    "--><svg onload=document.title='pwned'>",
    "]]><script>document.title='pwned'</script>",
    "&lt;script&gt;document.title='pwned'&lt;/script&gt;",
    "<iframe src=http://127.0.0.1:9/></iframe><link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<meta http-equiv=refresh content=0;url=http://127.0.0.1:9/>",
    "<base href=http://127.0.0.1:9/>",
    "javascript:document.title='pwned'",
    "[click](javascript:document.title='pwned')",
    "![i](http://127.0.0.1:9/x.png)",
    "a](#x) **b** `c",
    "| a | b |",
    "\\input{/etc/passwd}",
    "\\immediate\\write18{touch /tmp/pwned}",
    "^^5cinput{/etc/passwd} [1ex] {}}} \\end{document}",
    "=HYPERLINK(\"http://127.0.0.1:9/\")",
    "+cmd|' /C calc'!A0",
    "\u{1b}]0;pwned\u{7}\u{1b}[2J\u{9b}31m",
    "a\r\nb\tc\u{8}\u{0}",
    "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}",
    "<< title >> <% include 'x' %> {{7*7}} ${7*7}",
    "größe-名前-🚀",
    "native",
    "wasmtime-embedded-aa",
    "--out=/tmp/pwned",
];

/// A histogram of the form `V2`, packed.
fn histogram(digits: u32, high: u64, length: u32, body: &[u8]) -> String {
    let mut plain = Vec::new();
    for word in [0x1c84_9313_u32, length, 0, digits] {
        plain.extend(word.to_be_bytes());
    }
    plain.extend(1_u64.to_be_bytes());
    plain.extend(high.to_be_bytes());
    plain.extend(1_f64.to_be_bytes());
    plain.extend(body);
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&plain).unwrap();
    let bytes = packer.finish().unwrap();
    let mut all = 0x1c84_9314_u32.to_be_bytes().to_vec();
    all.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    all.extend(bytes);
    STANDARD.encode(all)
}

/// Histograms that are larger than they look, or none.
pub(crate) fn histograms() -> &'static [String] {
    static MADE: OnceLock<Vec<String>> = OnceLock::new();
    MADE.get_or_init(make)
}

fn make() -> Vec<String> {
    let ones = vec![2_u8; 50_000];
    vec![
        String::new(),
        "!".to_owned(),
        "HISTFAAA".to_owned(),
        // As many buckets as there can be; and more digits than ours have.
        histogram(3, u64::MAX / 2, 50_000, &ones),
        histogram(5, u64::MAX / 2, 50_000, &ones),
        // 278 MiB in 348 kB.
        histogram(5, u64::MAX / 2, 278 << 20, &vec![2; 278 << 20]),
        histogram(3, 1 << 40, u32::MAX, &[]),
        histogram(3, 0, 0, &[]),
        histogram(0, u64::MAX, 9, &[0xff; 9]),
        // The greatest count, and a number of zeros that cannot be made positive.
        histogram(
            3,
            1 << 40,
            9,
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        histogram(3, 1 << 40, 18, &[0xff; 18]),
        "A".repeat(3 << 20),
    ]
}
