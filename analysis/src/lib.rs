//! Reports: findings as pages, papers, tables and pictures.
//!
//! Starts no process, opens no socket and reads no clock: the same samples give the same bytes.
//! What was found is in [`findings`]; nothing is computed here.
//!
//! | module | holds |
//! |---|---|
//! | `render` | findings as sections, one module a question |
//! | `document` | a report before it is a page, a text or a paper; and each of the three |
//! | `plot` | pictures as SVG, PNG and PDF |
//! | `publish` | the files of a report |
//! | `command` | what the program does, and how it ends |
//! | `cli` | its command line |

pub mod cli;
pub mod command;
pub mod document;
pub mod plot;
pub mod publish;
mod render;

pub use render::document as report;
