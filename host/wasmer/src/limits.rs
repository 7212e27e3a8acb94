//! How large a guest's memories may become. Wasmer has no hook for that but the one that makes them: each
//! gets a maximum that is not above the limit, and a guest that wants more is told no.

use std::ptr::NonNull;

use wasmer::sys::vm::{VMConfig, VMMemory, VMMemoryDefinition, VMTable, VMTableDefinition};
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryError, MemoryStyle, MemoryType, Pages, TableStyle, TableType, WASM_PAGE_SIZE};

/// The engine's own choices, but for the maximum of memories.
pub(crate) struct Limited {
    own: BaseTunables,
    most: Pages,
}

impl Limited {
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self {
            own: BaseTunables::new(),
            most: pages(most_bytes),
        }
    }

    fn limited(&self, memory: &MemoryType) -> Result<MemoryType, MemoryError> {
        if memory.minimum > self.most {
            return Err(MemoryError::Generic(too_large(memory.minimum, self.most)));
        }
        let maximum = memory.maximum.map_or(self.most, |it| it.min(self.most));
        Ok(MemoryType::new(
            memory.minimum,
            Some(maximum),
            memory.shared,
        ))
    }
}

/// So many whole pages, as far as 32 bits address them.
fn pages(bytes: u64) -> Pages {
    let page = u64::try_from(WASM_PAGE_SIZE).expect("a page is small");
    Pages(u32::try_from(bytes / page).unwrap_or(u32::MAX).min(65_536))
}

fn too_large(minimum: Pages, most: Pages) -> String {
    let (requested, limit) = (minimum.bytes().0, most.bytes().0);
    format!("the guest requested {requested} bytes of memory; the limit is {limit} bytes")
}

/// What is wrong with a memory that is larger than the limit from its beginning.
pub(crate) fn reached(minimum: Pages, most_bytes: u64) -> Option<String> {
    let most = pages(most_bytes);
    (minimum > most).then(|| too_large(minimum, most))
}

#[expect(
    unsafe_code,
    reason = "the trait has functions that are unsafe to call; what is promised of their arguments is \
        handed on as it came"
)]
impl Tunables for Limited {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        self.own.memory_style(memory)
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.own.table_style(table)
    }

    fn create_host_memory(
        &self,
        memory: &MemoryType,
        style: &MemoryStyle,
    ) -> Result<VMMemory, MemoryError> {
        self.own.create_host_memory(&self.limited(memory)?, style)
    }

    unsafe fn create_vm_memory(
        &self,
        memory: &MemoryType,
        style: &MemoryStyle,
        at: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        let memory = self.limited(memory)?;
        // SAFETY: the caller promises of `at` what is asked of it there.
        unsafe { self.own.create_vm_memory(&memory, style, at) }
    }

    fn create_host_table(&self, table: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.own.create_host_table(table, style)
    }

    unsafe fn create_vm_table(
        &self,
        table: &TableType,
        style: &TableStyle,
        at: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: the caller promises of `at` what is asked of it there.
        unsafe { self.own.create_vm_table(table, style, at) }
    }

    fn vmconfig(&self) -> &VMConfig {
        self.own.vmconfig()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_gets_no_higher_maximum_than_the_limit() {
        let limited = Limited::new(4 * 65_536 + 1);
        let maximum = |minimum: u32, maximum: Option<u32>| {
            let memory = MemoryType::new(minimum, maximum, false);
            limited.limited(&memory).map(|it| it.maximum)
        };
        assert_eq!(maximum(1, None), Ok(Some(Pages(4))));
        assert_eq!(maximum(1, Some(9)), Ok(Some(Pages(4))));
        assert_eq!(maximum(1, Some(2)), Ok(Some(Pages(2))));
        assert!(maximum(5, None).is_err());
        assert!(reached(Pages(5), 4 * 65_536).is_some_and(|it| it.contains("327680 bytes")));
        assert_eq!(reached(Pages(4), 4 * 65_536), None);
    }
}
