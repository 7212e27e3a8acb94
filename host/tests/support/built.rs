//! Components out of text, in the world of the built service.

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The world of the built service, which says all that its functions take and give.
pub(crate) fn world() -> (Resolve, WorldId) {
    let built = results::checkout::root().join("workloads/artifacts/http.component.wasm");
    let DecodedWasm::Component(resolve, world) =
        wit_component::decode(&std::fs::read(built).unwrap()).unwrap()
    else {
        panic!("the built service is no component")
    };
    (resolve, world)
}

/// The component of a module, given as text, in a world.
pub(crate) fn component(text: &str, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .unwrap()
}
