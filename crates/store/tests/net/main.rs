//! Pull, push, save and load against a registry in memory: cuts, kills, faults and bad input.

mod archive;
mod faults;
mod lab;
mod pull;
