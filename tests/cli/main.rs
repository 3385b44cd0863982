//! The program as its users meet it: typed, watched, interrupted, pointed at the wrong thing.

#[cfg(test)]
mod attention;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod dev;
#[cfg(test)]
mod history;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod money;
#[cfg(test)]
mod newer;
#[cfg(test)]
mod past;
#[cfg(test)]
mod people;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod shop;
