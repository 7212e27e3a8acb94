//! What was found of a machine's virtualisation.

use std::fmt;

use results::values::{Named as _, Virtualisation};

/// By how much ring 0 is slower where it is interpreted: at least. On hardware both are the same.
const INTERPRETED: f64 = 10.0;

/// What is found of one ring; what cannot be timed there is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ring {
    /// How long an instruction takes that only counts.
    pub instruction_ns: Option<f64>,
    /// How long it takes to leave the guest and to come back.
    pub exit_ns: Option<f64>,
    /// Whether it can use vector registers.
    pub vectors: bool,
}

/// What is found of a machine with KVM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Ring 0, where kernels run.
    pub kernel: Ring,
    /// Ring 3, where programs run.
    pub programs: Ring,
}

impl Found {
    /// Its kind.
    pub fn kind(&self) -> Virtualisation {
        let both = self.kernel.instruction_ns.zip(self.programs.instruction_ns);
        let interpreted = both.is_none_or(|(kernel, programs)| kernel > INTERPRETED * programs);
        if interpreted || !self.kernel.vectors {
            Virtualisation::InterpretedRing0
        } else {
            Virtualisation::Hardware
        }
    }
}

impl fmt::Display for Found {
    /// As JSON, for programs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"{{"kind":"{}""#, self.kind().name())?;
        for (ring, name) in [(self.kernel, "ring0"), (self.programs, "ring3")] {
            let number = |it: Option<f64>| it.map_or("null".to_owned(), |it| format!("{it:.2}"));
            write!(
                f,
                r#","{name}":{{"instruction_ns":{},"exit_ns":{},"vectors":{}}}"#,
                number(ring.instruction_ns),
                number(ring.exit_ns),
                ring.vectors
            )?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(instructions: [Option<f64>; 2], vectors: bool) -> Found {
        let [kernel, programs] = instructions.map(|instruction_ns| Ring {
            instruction_ns,
            exit_ns: Some(8_000.0),
            vectors: true,
        });
        Found {
            kernel: Ring { vectors, ..kernel },
            programs,
        }
    }

    #[test]
    fn only_a_ring_0_like_ring_3_is_hardware() {
        for quick in [[Some(0.3), Some(0.3)], [Some(0.9), Some(0.3)]] {
            assert_eq!(found(quick, true).kind(), Virtualisation::Hardware);
        }
        for other in [
            found([Some(900.0), Some(0.3)], true),
            found([Some(0.3), Some(0.3)], false),
            found([None, Some(0.3)], true),
            found([Some(0.3), None], true),
        ] {
            assert_eq!(other.kind(), Virtualisation::InterpretedRing0);
        }
        assert_eq!(
            found([Some(900.0), None], false).to_string(),
            concat!(
                r#"{"kind":"interpreted-ring0","#,
                r#""ring0":{"instruction_ns":900.00,"exit_ns":8000.00,"vectors":false},"#,
                r#""ring3":{"instruction_ns":null,"exit_ns":8000.00,"vectors":true}}"#
            )
        );
    }
}
