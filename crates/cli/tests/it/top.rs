//! `foreshard top`: one frame as text, and a terminal that is given back.

use crate::lifecycle::{create_table, item};
use crate::process::{Service, failure};
use serde_json::{Value, json};
use tokio::process::Command;

fn top(service: &Service, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command.args(["top", "--admin", service.http.admin_url()]).args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn one_frame_shows_a_service() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    create_table(&service, "orders").await;
    for key in 0..20 {
        let request = json!({"TableName": "orders", "Item": item(&key.to_string(), 1)});
        service.http.ok("PutItem", request).await;
    }
    // The manager has seen the table.
    while service.http.admin("tables/orders/partitions").await["partitions"][0]["load_write_units"]
        .is_null()
    {
        tokio::task::yield_now().await;
    }
    let output = top(&service, &["--once"]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let frame = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "Foreshard ",
        ": ready, up ",
        "requests ",
        "p99 ",
        "\norders  ",
        "\nhottest partitions, load against capacity\norders p1 ",
        "/1000",
    ] {
        assert!(frame.contains(expected), "no {expected:?} in\n{frame}");
    }
    assert!(!frame.contains('\x1b'), "{frame:?}");

    let output = top(&service, &["--json"]).output().await.unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["overview"]["tables"][0]["name"], "orders");
    assert_eq!(document["partitions"]["orders"][0]["id"], 1);

    let (code, said) = failure(top(&service, &[])).await;
    assert!(code == Some(1) && said.contains("this is no terminal"), "{said}");
    service.kill().await;
}

/// A terminal of Python's, in which the command is interrupted as soon as it has drawn a frame.
const TERMINAL: &str = r#"
import os, pty, signal, sys
how, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)
seen = b""
def read():
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
while seen.count(b"hottest partitions") < 2:
    got = read()
    assert got, seen
    seen += got
if how == "ctrl-c":
    os.write(terminal, b"\x03")
else:
    os.kill(pid, signal.SIGTERM)
while got := read():
    seen += got
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 0, (status, seen)
assert seen.startswith(b"\x1b[?1049h\x1b[?25l"), seen
assert seen.endswith(b"\x1b[?25h\x1b[?1049l"), seen
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_is_given_back() {
    let python = std::env::var("FORESHARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if Command::new(&python).arg("--version").output().await.is_err() {
        eprintln!("skipped: no {python}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    for how in ["ctrl-c", "terminate"] {
        let arguments = ["top", "--interval-ms", "100", "--admin", service.http.admin_url()];
        let mut command = Command::new(&python);
        command.args(["-c", TERMINAL, how, env!("CARGO_BIN_EXE_foreshard")]).args(arguments);
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{how}: {}", String::from_utf8_lossy(&output.stderr));
    }
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_describes_itself() {
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
        let output = command.args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (shell, expected) in [
        ("bash", "_foreshard()"),
        ("zsh", "#compdef foreshard"),
        ("fish", "complete -c foreshard"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let said = run(&["completions", shell]).await;
        assert!(said.contains(expected) && said.contains("rekey"), "{shell}: {said}");
    }
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new/man1");
    run(&["man", "--out", out.to_str().unwrap()]).await;
    for (page, expected) in [
        ("foreshard.1", "DynamoDB API"),
        ("foreshard-serve.1", "admin\\-listen"),
        ("foreshard-table-rekey.1", "strategy"),
    ] {
        let text =
            std::fs::read_to_string(out.join(page)).unwrap_or_else(|e| panic!("{page}: {e}"));
        assert!(text.starts_with(".ie \\n(.g") && text.contains(expected), "{page}: {text}");
    }
}
