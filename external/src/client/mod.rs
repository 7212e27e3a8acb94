//! The client of a service: its first answer, dated, and requests under load.

pub(crate) mod head;
mod http;
pub mod listening;
pub mod load;
pub mod readiness;
mod retry;

/// An answer that arrives in these pieces, over a connection that then ends.
#[cfg(fuzzing)]
pub(crate) fn answer_of<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    max_body: usize,
) -> Result<Option<workloads::Answer>, String> {
    let request = workloads::Request::get("/");
    let mut incoming = http::Incoming::new(&request, max_body);
    for piece in pieces {
        if let Some(answer) = incoming.piece(piece)? {
            return Ok(Some(answer));
        }
    }
    Ok(incoming.over())
}
