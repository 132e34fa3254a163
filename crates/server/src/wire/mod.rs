//! The HTTP surface: connections, bodies, identities, request ids, replies. No operation is known
//! here, and no item.

mod body;
mod caller;
mod cors;
mod encoding;
mod listener;
mod reply;
mod request_id;
mod stall;
pub(crate) mod tls;

pub(crate) use body::{BodyError, BodyReader};
pub(crate) use caller::Caller;
pub(crate) use cors::Cors;
pub(crate) use encoding::{EncodingError, decoded, wants_gzip};
pub(crate) use listener::{Handler, Listener};
pub(crate) use reply::Reply;
pub use request_id::with_current_request_id;
pub(crate) use request_id::{RequestIds, within};
