//! The host functions, as this engine defines them.

use host_command::wasi::{
    FUNCTIONS, Function, MODULE, MOST_PARAMETERS, Memory, NoMemory, Type, Wasi,
};
use wasmer::{
    FunctionEnv, FunctionEnvMut, FunctionType, Imports, MemoryView, RuntimeError, Store, Value,
};

/// What the functions work on.
pub(crate) struct Guest {
    pub(crate) wasi: Wasi,
    /// The guest's memory, once there is an instance: what runs as one is made has none.
    pub(crate) memory: Option<wasmer::Memory>,
}

/// All of them, defined in a store.
pub(crate) fn define(store: &mut Store, env: &FunctionEnv<Guest>) -> Imports {
    let mut imports = Imports::new();
    for function in &FUNCTIONS {
        let defined = wasmer::Function::new_with_env(
            store,
            env,
            signature(function),
            move |guest: FunctionEnvMut<'_, Guest>, given: &[Value]| call(function, guest, given),
        );
        imports.define(MODULE, function.name, defined);
    }
    imports
}

fn signature(function: &Function) -> FunctionType {
    let parameters = function.parameters.iter().map(|it| match it {
        Type::I32 => wasmer::Type::I32,
        Type::I64 => wasmer::Type::I64,
    });
    let results: &[_] = if function.returns {
        &[wasmer::Type::I32]
    } else {
        &[]
    };
    FunctionType::new(parameters.collect::<Vec<_>>(), results)
}

/// A guest's call of a host function.
fn call(
    function: &Function,
    mut env: FunctionEnvMut<'_, Guest>,
    given: &[Value],
) -> Result<Vec<Value>, RuntimeError> {
    let mut numbers = [0; MOST_PARAMETERS];
    for (number, value) in numbers.iter_mut().zip(given) {
        *number = match value {
            Value::I32(value) => value.cast_unsigned().into(),
            Value::I64(value) => value.cast_unsigned(),
            _ => {
                return Err(RuntimeError::new(
                    "a host function takes whole numbers only",
                ));
            }
        };
    }
    let numbers = &numbers[..given.len()];
    let (guest, store) = env.data_and_store_mut();
    let returned = match &guest.memory {
        Some(memory) => {
            let mut view = View(memory.view(&store));
            function.call(&mut guest.wasi, &mut view, numbers)
        }
        None => function.call(&mut guest.wasi, &mut NoMemory, numbers),
    };
    let error_number = returned.ok_or_else(|| RuntimeError::new("stopped"))?;
    Ok(if function.returns {
        vec![Value::I32(error_number)]
    } else {
        Vec::new()
    })
}

struct View<'a>(MemoryView<'a>);

impl Memory for View<'_> {
    fn read(&self, at: u32, into: &mut [u8]) -> Option<()> {
        self.0.read(at.into(), into).ok()
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Option<()> {
        self.0.write(at.into(), bytes).ok()
    }
}
