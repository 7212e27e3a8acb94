//! Values of parameters whose sets are closed: one list for the programs that measure, and for
//! whoever reads what they wrote.

use serde::{Deserialize, Serialize};

use crate::names::Param;

/// A type with a closed set of values that have names.
pub trait Named: Copy + PartialEq + 'static {
    /// Its values, in the order of tables.
    const ALL: &'static [Self];

    /// A value's name in records and on command lines.
    fn name(self) -> &'static str;

    /// The value of this name.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }
}

/// A parameter with a closed set of values.
pub trait Parameter: Named {
    /// Its key in cells and on command lines.
    const PARAM: &'static Param;
}

macro_rules! parameter {
    ($(#[$doc:meta])* $type:ident: $($(#[$value_doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$value_doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Named for $type {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl Parameter for $type {
            const PARAM: &'static Param = &Param::$type;
        }
    };
}

parameter! {
    /// How bytes become executable code: the code acquisition mode.
    Acquire:
    /// Compiled, with no cache. `WasmEdge`: ahead of time into a file, and loaded from there.
    Compile = "compile",
    /// Compiled, and stored in the engine's cache, which was empty.
    CacheMiss = "cache_miss",
    /// Taken from the engine's cache.
    CacheHit = "cache_hit",
    /// Precompiled, read into memory and copied from there.
    Deserialize = "deserialize",
    /// Precompiled, and mapped from its file.
    DeserializeFile = "deserialize_file",
    /// Compiled in memory by the command that then runs it: `WasmEdge`'s way of what Wasmtime's
    /// `compile` is.
    Jit = "jit",
    /// Parsed and validated, to be interpreted.
    Interpret = "interpret",
    /// Precompiled to a shared library, and loaded by the dynamic linker.
    Aot = "aot",
    /// Source text, of which the runtime compiles as it runs what it finds worth that: nothing is
    /// prepared, and most of a start is interpreted.
    Source = "source",
}

impl Acquire {
    /// Whether it begins with code that was compiled before.
    pub const fn takes_precompiled(self) -> bool {
        matches!(self, Self::Deserialize | Self::DeserializeFile | Self::Aot)
    }

    /// Whether the start itself compiles.
    pub const fn compiles(self) -> bool {
        matches!(self, Self::Compile | Self::CacheMiss | Self::Jit)
    }

    /// Whether nothing but the artifact as it was built goes into a start.
    pub const fn from_source(self) -> bool {
        self.compiles() || matches!(self, Self::Interpret | Self::Source)
    }
}

parameter! {
    /// Where instances get their memory.
    Allocator:
    /// From the kernel, each on its own.
    OnDemand = "on_demand",
    /// From slots that the engine reserved when it was made.
    Pooling = "pooling",
}

parameter! {
    /// How many requests an instance handles.
    Lifecycle:
    /// One: each request gets an instance of its own, which nobody had before.
    PerRequest = "per-request",
    /// All of them: its state outlives a request.
    Reused = "reused",
}

parameter! {
    /// The pool that a service's instances get their memory from.
    Pool:
    /// There is none: each instance gets its memory from the kernel.
    None = "none",
    /// One as the engine makes it unless told otherwise: of Wasmtime, 1,000 slots, which are given
    /// back to the kernel after each use.
    Default = "default",
    /// One that keeps what its instances wrote to and wipes it, rather than to give it back.
    Tuned = "tuned",
}

parameter! {
    /// How a linear memory gets its first contents.
    MemoryInit:
    /// Mapped copy-on-write from an image.
    Cow = "cow",
    /// Copied from data segments.
    Copy = "copy",
}

parameter! {
    /// What compiles.
    Compiler:
    /// Cranelift, optimising for speed.
    Cranelift = "cranelift",
    /// Cranelift without optimisation.
    CraneliftNone = "cranelift_none",
    /// Winch, in one pass.
    Winch = "winch",
    /// Singlepass, in one pass: Wasmer's.
    Singlepass = "singlepass",
}

parameter! {
    /// When an interpreter translates functions into code of its own.
    Translation:
    /// When they are first called; the whole module is validated before.
    LazyTranslation = "lazy_translation",
    /// With the module: all of them.
    Eager = "eager",
    /// When they are first called, and they are not validated before.
    Lazy = "lazy",
}

parameter! {
    /// How many threads compile.
    CompileThreads:
    /// One for each core.
    Parallel = "parallel",
    /// The calling one.
    Single = "single",
}

parameter! {
    /// Whether the files that a start reads are in the page cache.
    PageCache:
    /// All their pages are.
    Hot = "hot",
    /// None of the workload's is: its module, its compiled code, its image.
    Evicted = "evicted",
    /// None of the system's own program and libraries either, as far as nobody else uses them.
    EvictedAll = "evicted-all",
}

parameter! {
    /// Which of two builds that are measured against each other.
    Build:
    /// The one that is judged by.
    A = "a",
    /// The one that is judged.
    B = "b",
}

parameter! {
    /// Whether compiled code checks if its time is up.
    Interrupt:
    /// At every loop and function entry, against the engine's epoch.
    Epoch = "epoch",
    /// Never: a guest that does not answer is stopped with its process.
    None = "none",
}

parameter! {
    /// How a sandbox intercepts the system calls of what runs in it.
    Platform:
    /// By signals that the kernel sends instead of the calls (`seccomp`), in the process itself.
    Systrap = "systrap",
    /// By tracing each process.
    Ptrace = "ptrace",
}

parameter! {
    /// What executes a virtual machine's instructions.
    Virtualisation:
    /// The processor, in all rings.
    Hardware = "hardware",
    /// The processor in ring 3; in ring 0, where kernels are, the machine's KVM, which interprets.
    InterpretedRing0 = "interpreted-ring0",
    /// A program.
    Emulated = "emulated",
}

impl Virtualisation {
    /// Why figures of such machines are not compared with others; nothing if they are.
    pub const fn incomparable(self) -> Option<&'static str> {
        match self {
            Self::Hardware => None,
            Self::InterpretedRing0 => Some(
                "this machine's KVM has no hardware below it and interprets what a guest runs in ring 0, an \
                    instruction at a time, which no machine with virtualisation does",
            ),
            Self::Emulated => Some(
                "every instruction of the guest is translated by a program, which no machine with \
                    virtualisation does",
            ),
        }
    }
}

/// What a start is without, as the value of [`Param::Without`].
pub mod left_out {
    /// All work: the program begins and ends.
    pub const WORK: &str = "work";

    /// Stands between the names of several things.
    pub const AND: &str = "+";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_lead_back<P: Parameter + std::fmt::Debug>() {
        for value in P::ALL {
            assert_eq!(P::from_name(value.name()), Some(*value));
        }
        assert_eq!(P::from_name("no such value"), None);
    }

    #[test]
    fn every_value_is_found_by_its_name() {
        names_lead_back::<Acquire>();
        names_lead_back::<Allocator>();
        names_lead_back::<Lifecycle>();
        names_lead_back::<Pool>();
        names_lead_back::<MemoryInit>();
        names_lead_back::<Compiler>();
        names_lead_back::<CompileThreads>();
        names_lead_back::<Translation>();
        names_lead_back::<PageCache>();
        names_lead_back::<Interrupt>();
        names_lead_back::<Build>();
        names_lead_back::<Platform>();
        names_lead_back::<Virtualisation>();
    }
}
