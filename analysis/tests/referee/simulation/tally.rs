//! Counts with their uncertainty, and tables of them.

/// Prints what was found, which nobody is left to read where that fails.
pub fn print(text: &str) {
    campaign::terminal::print(text).expect("standard output takes it");
}

/// How often something was so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub hits: u64,
    pub of: u64,
}

impl Share {
    pub fn count(&mut self, is_so: bool) {
        self.hits += u64::from(is_so);
        self.of += 1;
    }

    pub fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.of += other.of;
    }

    pub fn percent(self) -> f64 {
        100.0 * self.hits as f64 / self.of as f64
    }

    /// Its 95 % interval in per cent. (Wilson, *JASA* 22, 1927.)
    pub fn interval(self) -> (f64, f64) {
        let (n, z) = (self.of as f64, 1.96);
        let p = self.hits as f64 / n;
        let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        (
            100.0 * (middle - half).max(0.0),
            100.0 * (middle + half).min(1.0),
        )
    }

    /// `4.5 % (2.4–8.3)`.
    pub fn text(self) -> String {
        if self.of == 0 {
            return "–".to_owned();
        }
        let (low, high) = self.interval();
        format!("{:.1} % ({low:.1}–{high:.1})", self.percent())
    }
}

/// A table as Markdown.
pub struct Table {
    lines: Vec<String>,
    is_printed: bool,
}

impl Table {
    pub fn new(title: &str, head: &[&str]) -> Self {
        let rule = "|---".repeat(head.len()) + "|";
        Self {
            lines: vec![
                if title.is_empty() {
                    String::new()
                } else {
                    format!("\n{title}\n")
                },
                format!("| {} |", head.join(" | ")),
                rule,
            ],
            is_printed: false,
        }
    }

    /// One whose rows are printed as they come: some take an hour.
    pub fn printed(title: &str, head: &[&str]) -> Self {
        let table = Self::new(title, head);
        print(&table.text());
        Self {
            is_printed: true,
            ..table
        }
    }

    pub fn row(&mut self, fields: &[String]) {
        let line = format!("| {} |", fields.join(" | "));
        if self.is_printed {
            print(&format!("{line}\n"));
        }
        self.lines.push(line);
    }

    pub fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}
