//! One run under the glass, in f64: what it looks like at chosen steps, and the kind of point that its parameters are at.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`hessian`] | second derivatives of the loss, their eigenvalues, the kind of stationary point |

pub mod hessian;
