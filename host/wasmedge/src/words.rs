//! The engine's own words for its errors. The SDK names those that it knew when it was made, and has
//! a number for all that came later.

use std::ffi::{CStr, c_char};

use wasmedge_sdk::error::{CoreError, WasmEdgeError};

/// A result as the engine's C interface has it. `wasmedge/wasmedge.h`.
#[repr(C)]
struct CResult {
    code: u32,
}

#[expect(unsafe_code, reason = "the SDK does not offer this function")]
unsafe extern "C" {
    /// The words for a code: a static text, never null.
    #[link_name = "WasmEdge_ResultGetMessage"]
    fn result_message(result: CResult) -> *const c_char;
}

/// What an error of the SDK's says.
pub fn words(error: &WasmEdgeError) -> String {
    match error {
        WasmEdgeError::Core(CoreError::UnknownError(code)) => {
            format!("{} (code {code})", of_code(*code))
        }
        named => named.to_string(),
    }
}

/// Whether an error is one of code that ran: a trap, in a start function for one.
pub fn is_trap(error: &WasmEdgeError) -> bool {
    /// The phase of execution, in the upper half of the engine's codes. `wasmedge/enum_errcode.h`.
    const EXECUTION: u32 = 0x04;
    match error {
        WasmEdgeError::Core(CoreError::Execution(_)) => true,
        WasmEdgeError::Core(CoreError::UnknownError(code)) => code >> 8 == EXECUTION,
        _ => false,
    }
}

#[expect(unsafe_code, reason = "the SDK does not offer this function")]
fn of_code(code: u32) -> String {
    // SAFETY: the function takes any code, and returns a static text that ends with a zero.
    let text = unsafe { CStr::from_ptr(result_message(CResult { code })) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_the_sdk_does_not_know_has_the_engines_words() {
        let words = words(&WasmEdgeError::Core(CoreError::UnknownError(285)));
        assert!(words.ends_with(" (code 285)"), "{words}");
        assert!(!words.to_lowercase().contains("unknown"), "{words}");
    }
}
