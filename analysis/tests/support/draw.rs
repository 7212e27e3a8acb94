//! Numbers that look drawn and are the same each time.

/// Numbers that look drawn.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ (self.0 >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() % (1 << 30)) as f64 / f64::from(1 << 30)
    }

    /// About 1, skewed to the right as times are.
    pub fn factor(&mut self, spread: f64) -> f64 {
        let sum: f64 = (0..6).map(|_| self.unit()).sum::<f64>() - 3.0;
        (sum * spread).exp()
    }

    /// Standard normal. (Box and Muller, *Annals of Mathematical Statistics* 29, 1958.)
    pub fn normal(&mut self) -> f64 {
        // Never the logarithm of zero.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
