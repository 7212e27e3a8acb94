//! A headless Chromium, driven through the pipe of its `DevTools` protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// After so long without an answer the browser is taken to hang. No test waits for it otherwise.
const HANGS: Duration = Duration::from_mins(5);

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) media: &'static str,
    pub(crate) scheme: &'static str,
}

/// A browser with one page.
pub(crate) struct Chromium {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    last_id: u64,
    /// The file that may be read.
    page: String,
    /// Every other request; none was answered.
    pub(crate) requests: Vec<String>,
    /// What the page complained about.
    pub(crate) complaints: Vec<String>,
    loaded: bool,
    _profile: TempDir,
}

impl Chromium {
    /// Opens a file.
    pub(crate) fn open(file: &Path) -> Self {
        let mut browser = Self::launch();
        browser.go_to(file);
        browser
    }

    /// A browser with an empty page.
    pub(crate) fn launch() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (process, input, messages) = launch(profile.path());
        let mut browser = Self {
            process,
            input,
            messages,
            session: None,
            last_id: 0,
            page: String::new(),
            requests: Vec::new(),
            complaints: Vec::new(),
            loaded: false,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        let everything = json!({"patterns": [{"urlPattern": "*"}]});
        browser.call("Fetch.enable", &everything);
        browser
    }

    /// Opens a file in the same page.
    pub(crate) fn go_to(&mut self, file: &Path) {
        self.page = format!("file://{}", file.display());
        self.loaded = false;
        self.call("Page.navigate", &json!({"url": self.page.clone()}));
        while !self.loaded {
            let message = self.receive();
            self.note(&message);
        }
    }

    /// Looks at the page in another way.
    pub(crate) fn look(&mut self, view: View) {
        let size = json!({
            "width": view.width, "height": 900, "deviceScaleFactor": 1, "mobile": view.width < 500
        });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!([{"name": "prefers-color-scheme", "value": view.scheme}]);
        let media = json!({"media": view.media, "features": scheme});
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// Runs a script in the page, and returns the value that it comes to.
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        let wanted = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", &wanted);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{script}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Calls a method of the protocol.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.write_all(&bytes).unwrap();
        self.input.flush().unwrap();
        self.last_id
    }

    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(HANGS);
        message.expect("the browser goes on answering")
    }

    /// Records an event, and blocks every request but that for the page.
    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Fetch.requestPaused") => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                let request = params["requestId"].clone();
                if url.split('#').next() == Some(&self.page) || url.starts_with("data:") {
                    self.send("Fetch.continueRequest", &json!({"requestId": request}));
                } else {
                    self.requests.push(url.to_owned());
                    let refused = json!({"requestId": request, "errorReason": "BlockedByClient"});
                    self.send("Fetch.failRequest", &refused);
                }
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(params.to_string()),
            Some("Runtime.consoleAPICalled") if params["type"] != "log" => {
                self.complaints.push(params["args"].to_string());
            }
            Some("Log.entryAdded") => self.complaints.push(params["entry"].to_string()),
            _ => {}
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It also ends what it has started; its profile is removed after it.
        self.session = None;
        self.send("Browser.close", &json!({}));
        let _ = self.process.wait();
    }
}

/// Whether there is a browser.
pub(crate) fn is_installed() -> bool {
    let version = Command::new("chromium").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

fn launch(profile: &Path) -> (Child, ChildStdin, Receiver<Value>) {
    // The protocol's pipe is of the descriptors 3 and 4.
    let mut process = Command::new("sh")
        .args([
            "-c",
            r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#,
            "sh",
        ])
        .args(["chromium", "--headless", "--remote-debugging-pipe"])
        // Root has no sandbox, and the page is ours.
        .args(["--no-sandbox", "--disable-gpu", "--disable-quic"])
        .args(["--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = process.stdin.take().unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        for message in output.split(0).map_while(Result::ok) {
            let message = serde_json::from_slice(&message).unwrap_or(Value::Null);
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    (process, input, messages)
}
