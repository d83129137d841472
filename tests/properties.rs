//! Properties of the log, over random cases: the bytes, the verbs, and damage.
//!
//! *Verified:* see the three parts. *Not verified:* power cuts and failing disks, for which there
//! is the simulator; several threads, for which there are `kill.rs` and the simulator.

#[path = "properties/damage.rs"]
mod damage;
#[path = "properties/format.rs"]
mod format;
#[path = "properties/model.rs"]
mod model;
#[path = "properties/world.rs"]
mod world;
