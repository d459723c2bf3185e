//! Results as pages that people can look at: each one HTML file that needs nothing else, no network either.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`sweep`] | a finished sweep: conclusion, pictures, cells and runs, what was run and how to repeat it |
//! | `live` | a page that trains networks in the browser, with the shaders of the gpu engine (feature `gpu`) |

#[cfg(feature = "gpu")]
pub mod live;
pub mod sweep;
