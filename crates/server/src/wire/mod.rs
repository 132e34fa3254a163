//! The HTTP surface: connections, bodies, identities, request ids, replies. No operation is known
//! here, and no item.

mod body;
mod caller;
mod listener;
mod reply;
mod request_id;

pub(crate) use body::{BodyError, BodyReader};
pub(crate) use caller::{AuthError, Caller};
pub(crate) use listener::{Handler, Listener};
pub(crate) use reply::Reply;
pub(crate) use request_id::RequestIds;
