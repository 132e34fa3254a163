//! A trace, a policy and a virtual clock in; throttled requests and cost out.
