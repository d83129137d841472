//! What people and programs get to read: the summary of a campaign, the story of a failure.

mod classes;
pub mod coverage;
pub mod explored;
pub mod failure;
pub mod promises;
pub mod summary;
