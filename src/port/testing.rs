//! Chance that is the same every time.

use super::model::Fault;

/// Numbers that look random and depend on the seed alone.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `limit` − 1.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // SplitMix64: every seed, small ones too, gives another sequence.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap()
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn fault(&mut self) -> Fault {
        match self.below(8) {
            0 | 1 => Fault::AnswerLost,
            2 | 3 => Fault::RequestLost,
            4 => Fault::Late(u32::try_from(self.below(6)).unwrap()),
            5 => Fault::Busy,
            _ => Fault::None,
        }
    }

    /// What goes wrong where a power cut may leave a part of a batch: a few commits at most, or one
    /// that is torn, by a server that is away for longer than its writer is there.
    pub(crate) fn faults_and_power_cuts(&mut self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = (0..self.below(4)).map(|_| self.fault()).collect();
        if self.chance(30) {
            faults.push(Fault::Torn(self.below(4)));
            faults.extend(std::iter::repeat_n(Fault::RequestLost, self.below(10)));
        }
        faults
    }
}

/// Says which seed a test was at when it failed.
pub(crate) struct SeedOnPanic(pub(crate) u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.0);
        }
    }
}
