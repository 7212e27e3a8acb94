//! The engine as it is, and what somebody has left in its way: in namespaces of the tests' own, with
//! folders of their own in the place of the machine's. The machine's engines, mounts and rules are
//! not seen in there.
//!
//! They need root, `unshare`, and what `./setup docker firewall` installs; without, each test says
//! that it did not run.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

/// What every script begins with. `/sys` shows the network that it was mounted in, and the control
/// groups are the machine's.
const GROUND: &str = r#"
set -eu
T=$(mktemp -d)
mkdir "$T/groups"
mount --rbind /sys/fs/cgroup "$T/groups"
mount -t sysfs sysfs /sys
mount --rbind "$T/groups" /sys/fs/cgroup
# Mounts of the machine's own engine, which would be hidden and still in the table.
awk '$5 ~ "^/var/lib/coldphase/" { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do umount -l "$mount"; done
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
D=/var/lib/coldphase/docker
# The rules as they are, without what changes by itself.
rules() { for t in filter nat; do iptables -t $t -S; done; ip6tables -S; }
"#;

/// Runs a script there: what it printed, or nothing where it cannot run.
fn inside(script: &str) -> Option<String> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let there = |name: &str| {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .iter()
            .any(|folder| std::path::Path::new(folder).join(name).exists())
    };
    if !is_root
        || !["unshare", "dockerd", "iptables", "ip"]
            .iter()
            .all(|name| there(name))
    {
        let _ = writeln!(
            std::io::stdout(),
            "not run: this needs root, and `./setup docker firewall`"
        );
        return None;
    }
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["bash", "-c", &format!("{GROUND}{script}")])
        .env("E", env!("CARGO_BIN_EXE_docker-engine"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (printed, said) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{printed}\n{said}");
    Some(printed + &said)
}

/// The part of what was printed between two lines of this name.
fn part<'a>(printed: &'a str, name: &str) -> &'a str {
    let part = printed.split(&format!("== {name}\n")).nth(1);
    part.unwrap_or_else(|| panic!("{name}: {printed}"))
}

#[test]
fn the_network_is_as_before_and_no_rule_is_run_as_a_command() {
    let script = r#"
echo 0 >/proc/sys/net/ipv4/ip_forward
iptables -A INPUT -i docker0 -m comment --comment "\$(touch $T/ran)" -j ACCEPT
iptables -A FORWARD -o docker0 -m comment --comment "; touch $T/ran; \`touch $T/ran\`" -j DROP
iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -o other -j MASQUERADE
ip6tables -A INPUT -i docker0 -j DROP
echo "== before"; rules; echo "== before"
"$E" start
"$E" status >&2
[ -S $D/docker.sock ] && [ -e /sys/class/net/docker0 ]
iptables -S FORWARD | grep -q DOCKER
iptables -A INPUT -i docker0 -p tcp --dport 22 -j DROP
"$E" restart
"$E" status >&2
"$E" stop
echo "== after"; rules; echo "== after"
[ ! -e $T/ran ] || echo "a comment was run"
[ ! -e /sys/class/net/docker0 ] || echo "the bridge is left"
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || echo "it still forwards"
[ -z "$(awk -v d=$D '$5 ~ d' /proc/self/mountinfo)" ] || echo "mounts are left"
"$E" status || echo "== code $?"
stat -c '== mode %a %u %n' /var/lib/coldphase $D
"#;
    let Some(printed) = inside(script) else {
        return;
    };
    let added = "-A INPUT -i docker0 -p tcp -m tcp --dport 22 -j DROP\n";
    assert_eq!(
        part(&printed, "after").replace(added, ""),
        part(&printed, "before"),
        "{printed}"
    );
    assert!(part(&printed, "after").contains(added), "{printed}");
    for wrong in ["a comment was run", "is left", "still forwards", "are left"] {
        assert!(!printed.contains(wrong), "{printed}");
    }
    assert!(printed.contains("== code 3\n"), "{printed}");
    assert!(printed.contains("== mode 755 0 /var/lib/coldphase\n"));
    assert!(printed.contains("== mode 700 0 /var/lib/coldphase/docker\n"));
}

/// Whoever may talk to an engine, or to what is below it, may have it mount what is root's.
#[test]
fn another_user_orders_nothing_of_the_engine() {
    let script = r#"
"$E" start
for socket in $(find $D -type s); do
    setpriv --reuid 65534 --regid 65534 --clear-groups python3 -I -c '
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("connected:", sys.argv[1])
except OSError as error:
    print("refused:", error.errno, sys.argv[1])
' "$socket"
done
python3 -I -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' $D/docker.sock
ss -Hltn >"$T/listening" || true
[ ! -s "$T/listening" ] || cat "$T/listening" | sed 's/^/port: /'
"$E" stop
"#;
    let Some(printed) = inside(script) else {
        return;
    };
    assert!(!printed.contains("connected: "), "{printed}");
    assert!(
        !printed.contains("port: "),
        "nothing listens on the network: {printed}"
    );
    for socket in ["docker.sock", "containerd.sock"] {
        let refused = |line: &str| line.starts_with("refused: 13 ") && line.contains(socket);
        assert!(printed.lines().any(refused), "{socket}: {printed}");
    }
}

#[test]
fn a_number_or_words_do_not_make_a_process_ours() {
    let script = r#"
mkdir -p $D && chmod 755 /var/lib/coldphase && chmod 700 $D
# The number of an engine that is long gone, and that another program of that name has by now.
cp /bin/sleep "$T/dockerd"
"$T/dockerd" 1000 & named=$!
echo $named >$D/pid
mkdir -p $D/exec/containerd && echo $named >$D/exec/containerd/containerd.pid
# Words that a pattern finds.
sh -c 'while sleep 1; do :; done' containerd-shim-runc-v2 -id 1 -address $D/exec/containerd/containerd.sock & words=$!
sh -c 'while sleep 1; do :; done' dockerd --host unix://$D/docker.sock --data-root $D/data & words2=$!
"$E" status && echo "another is taken for ours"
for word in stop start restart stop; do "$E" $word; done
for pid in $named $words $words2; do kill -0 $pid || echo "killed: $pid"; done
"#;
    let Some(printed) = inside(script) else {
        return;
    };
    assert!(!printed.contains("killed: "), "{printed}");
    assert!(!printed.contains("taken for ours"), "{printed}");
}

#[test]
fn what_a_killed_engine_has_left_is_cleared_and_a_disk_of_somebodys_stays() {
    let script = r#"
mkdir -p $D/data && chmod 755 /var/lib/coldphase && chmod 700 $D
mount -t tmpfs tmpfs $D/data
"$E" start
pid=$("$E" status | sed 's/runs as \([0-9]*\) .*/\1/')
kill -9 $pid
mkdir -p $D/data/overlay2/x/merged
mount -t tmpfs tmpfs $D/data/overlay2/x/merged
while kill -0 $pid 2>/dev/null; do sleep 0.1; done
"$E" status || echo "== code $?"
"$E" start
"$E" status >&2
"$E" stop
echo "== mounts"; awk -v d=$D 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo; echo "== mounts"
pgrep -a containerd && echo "a process is left"
true
"#;
    let Some(printed) = inside(script) else {
        return;
    };
    assert_eq!(
        part(&printed, "mounts"),
        "/var/lib/coldphase/docker/data\n",
        "{printed}"
    );
    assert!(!printed.contains("a process is left"), "{printed}");
}

#[test]
fn an_engine_of_an_older_version_is_stopped_first() {
    let script = r#"
O=$T/home/.local/share/coldphase/docker
mkdir -p "$O"
# As older versions started it, with exactly these arguments.
setsid --fork dockerd --host "unix://$O/docker.sock" --data-root "$O/data" --exec-root "$O/exec" --pidfile "$O/pid" \
    <&- >"$O/log" 2>&1 &
until [ -S "$O/docker.sock" ] && grep -q 'API listen on' "$O/log"; do sleep 0.1; done
old=$(cat "$O/pid")
"$E" start
kill -0 $old 2>/dev/null && echo "the older one still runs"
"$E" status >&2
"$E" stop
"#;
    let Some(printed) = inside(script) else {
        return;
    };
    assert!(!printed.contains("still runs"), "{printed}");
    assert!(
        printed.contains("an older coldphase had started in") && printed.contains("was stopped"),
        "{printed}"
    );
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let script = r#"
try() { "$E" start && echo "started"; "$E" stop && echo "stopped"; rm -rf /var/lib/coldphase; }
mkdir -p $D && chown 65534 /var/lib/coldphase; try
mkdir -p $D && chmod 777 /var/lib/coldphase; try
mkdir -p $D && chown 65534 $D; try
mkdir -p "$T/elsewhere" && ln -s "$T/elsewhere" /var/lib/coldphase; try
mkdir -p /var/lib/coldphase && ln -s "$T/elsewhere" $D; try
mkdir -p $D && ln -s "$T/elsewhere/lock" $D/lock; try
chmod 1777 /var/lib; try
[ -z "$(ls "$T/elsewhere")" ] || echo "written elsewhere"
"#;
    let Some(printed) = inside(script) else {
        return;
    };
    for wrong in ["started", "stopped", "written elsewhere"] {
        let lines = printed.lines().filter(|line| *line == wrong);
        assert_eq!(lines.count(), 0, "{printed}");
    }
    assert_eq!(
        printed.matches("is not taken for ours").count(),
        14,
        "{printed}"
    );
    assert!(printed.contains("belongs to the user 65534"), "{printed}");
}

#[test]
fn whoever_is_not_root_is_told() {
    use std::os::unix::process::CommandExt as _;

    let is_root = std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_docker-engine"));
    command.arg("start");
    if is_root {
        command.uid(65_534).gid(65_534);
    }
    match command.output() {
        Err(error) => {
            let _ = writeln!(std::io::stdout(), "not run: nobody cannot run it: {error}");
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(
                said.contains("by root") && said.contains("hint: be root"),
                "{said}"
            );
        }
    }
}
