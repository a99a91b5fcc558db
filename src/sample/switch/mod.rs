//! What is to be done so that others sample: from what is wanted and what is there to the steps between them.

pub mod tc;
