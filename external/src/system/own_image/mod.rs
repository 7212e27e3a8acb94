//! A person's own image, whoever starts it: what it says of itself, where its service listens, and its
//! layers out of what `docker save` writes.

mod archive;
mod bounds;
mod unpacked;

use results::{Skip, SkipKind};
use serde_json::Value;
use workloads::Target;
use workloads::target::Image;

pub(super) use self::archive::ImageArchive;
#[cfg(fuzzing)]
pub(crate) use self::bounds::counted_and_found;
pub(super) use self::unpacked::{Process, Unpacked, collect};
use super::placeholders::{Placeholder, Values, fill};

/// What the configuration of an image says of what is started in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    entrypoint: Vec<String>,
    command: Vec<String>,
    environment: Vec<String>,
    folder: Option<String>,
    user: String,
    exposed: Vec<String>,
}

impl Configuration {
    /// Out of the configuration as the OCI's format has it.
    pub(super) fn parse(whole: &Value) -> Self {
        let config = &whole["config"];
        let texts = |key: &str| {
            let all = config[key].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
        let exposed = config["ExposedPorts"].as_object().into_iter().flatten();
        Self {
            entrypoint: texts("Entrypoint"),
            command: texts("Cmd"),
            environment: texts("Env"),
            folder: Some(text("WorkingDir")).filter(|it| !it.is_empty()),
            user: text("User"),
            exposed: exposed.map(|(port, _)| port.clone()).collect(),
        }
    }
}

/// Whether a target has an image that containers can be made of.
///
/// # Errors
/// What would be needed.
pub(super) fn check(target: &Target) -> Result<&Image, Skip> {
    let Some(image) = &target.image else {
        let reason = format!("{} has no image", target.name);
        return Err(Skip::new(SkipKind::NotApplicable, reason)
            .remedy("`image = \"orders:dev\"` gives it one"));
    };
    let unknown = [Placeholder::Work, Placeholder::Artifact]
        .into_iter()
        .find(|it| texts(target, image).any(|text| it.is_in(text)));
    if let Some(placeholder) = unknown {
        let reason = format!("in a container there is no {}", placeholder.written());
        return Err(Skip::new(SkipKind::NotApplicable, reason)
            .remedy("leave it out of `arguments` and `environment`"));
    }
    Ok(image)
}

/// What is told an image's service: its arguments, and the values of its environment.
fn texts<'a>(target: &'a Target, image: &'a Image) -> impl Iterator<Item = &'a String> {
    let arguments = image.arguments.iter().flatten();
    arguments.chain(target.environment.iter().map(|(_, value)| value))
}

/// The port that the service of an image listens on, which exposes these, such as `80/tcp`; nothing
/// where it listens where it is told to.
///
/// # Errors
/// It exposes none, or several.
pub(super) fn port(
    target: &Target,
    image: &Image,
    exposed: &[String],
) -> Result<Option<u16>, String> {
    let says = |text: &String| {
        let told = [Placeholder::Port, Placeholder::Address];
        told.iter().any(|it| it.is_in(text))
    };
    if texts(target, image).any(says) {
        return Ok(None);
    }
    let tcp = |port: &String| port.strip_suffix("/tcp").unwrap_or(port).parse().ok();
    let mut ports: Vec<u16> = exposed.iter().filter_map(tcp).collect();
    ports.sort_unstable();
    if let Some(said) = target
        .port
        .filter(|it| ports.is_empty() || ports.contains(it))
    {
        return Ok(Some(said));
    }
    // What is said may be the port of the native program.
    match ports.as_slice() {
        [one] => Ok(Some(*one)),
        [] => Err(format!(
            "the image of {} exposes no port: `port = 80` says which its service listens on",
            target.name
        )),
        several => Err(format!(
            "the image of {} exposes {several:?}: `port = {}` says which its service listens on",
            target.name, several[0]
        )),
    }
}

/// Whether nobody listens on a port of the machine's network, which a container will.
///
/// # Errors
/// Who does.
pub(super) fn check_free(port: u16) -> Result<(), Skip> {
    let owners = machine::ports::owner_of(port)
        .map_err(|error| format!("cannot look at the sockets: {error}"))?;
    let pids: Vec<_> = owners.into_iter().flat_map(|owner| owner.pids).collect();
    if pids.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "on the machine's network the image's service listens on port {port}, which processes \
            {pids:?} have"
    );
    Err(Skip::new(SkipKind::NotPermitted, reason)
        .remedy("end them, or tell the service where to listen: `arguments = [\"{address}\"]`"))
}

/// What takes the place of an image's command; nothing leaves it.
pub(super) fn command(target: &Target, values: &Values<'_>) -> Option<Vec<String>> {
    let arguments = target.image.as_ref()?.arguments.as_ref()?;
    Some(arguments.iter().map(|it| fill(it, values)).collect())
}

/// Variables beyond the image's own, as `NAME=value`.
pub(super) fn environment(target: &Target, values: &Values<'_>) -> Vec<String> {
    let each = target.environment.iter();
    each.map(|(name, value)| format!("{name}={}", fill(value, values)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_says_what_is_started_and_what_it_lacks_is_nothing() {
        let whole = json!({"config": {
            "Entrypoint": ["/serve"], "Cmd": ["-v"], "Env": ["A=b"], "WorkingDir": "/srv",
            "User": "www:www", "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        }});
        let found = Configuration::parse(&whole);
        assert_eq!(found.entrypoint, ["/serve"]);
        assert_eq!(
            (&*found.user, found.folder.as_deref()),
            ("www:www", Some("/srv"))
        );
        assert_eq!(found.exposed.len(), 2);
        let nothing = Configuration::parse(&json!({"config": {"Cmd": null, "WorkingDir": ""}}));
        assert_eq!(nothing, Configuration::default());
    }
}
