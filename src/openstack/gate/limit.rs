//! How many requests at once a service bears, found out by asking.
//!
//! It begins gently and grows by half with each round of answers, as long as there is demand: of a service that bears
//! less than was tried, no more than a third is refused. A refusal halves it and is remembered as a ceiling: up to just below it the limit grows by one a round, and the ceiling itself is tried again
//! only after many rounds without trouble; each time that this is refused too it waits twice as long. What breaks or
//! slows down tells of no ceiling, it only makes the limit smaller for a while.
//!
//! Requests that left before a cut are no reason for another one: a crowd that is refused is one refusal.

/// Rounds at the ceiling before it is tried again, at first and at most.
const PATIENCE: usize = 96;
const MOST_PATIENCE: usize = 1_024;
/// By how much fewer rounds it takes after the ceiling has turned out to be none.
const EASIER: usize = 4;

/// Between how many requests at once the limit lies, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub least: usize,
    pub most: usize,
    pub start: usize,
}

/// The limit of one service.
#[derive(Debug)]
pub(crate) struct Limit {
    bounds: Bounds,
    now: usize,
    /// Below it the limit grows by half with each round.
    fast_below: usize,
    /// Requests at once that were answered.
    proved: usize,
    /// The fewest requests at once of which one was refused.
    ceiling: Option<usize>,
    /// Rounds at the ceiling before it is tried.
    patience: usize,
    /// Answers since the limit last changed.
    answers: usize,
    cuts: u64,
}

/// What a request remembers of the limit under which it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// How many were under way, with itself.
    pub number: usize,
    /// How often the limit had been cut.
    pub cuts: u64,
}

impl Limit {
    /// A limit that nothing is known of yet.
    pub(crate) fn new(bounds: Bounds) -> Self {
        let least = bounds.least.max(1);
        let most = bounds.most.max(least);
        let bounds = Bounds { least, most, start: bounds.start.clamp(least, most) };
        let now = bounds.start;
        Self { bounds, now, fast_below: most, proved: now, ceiling: None, patience: PATIENCE, answers: 0, cuts: 0 }
    }

    /// Requests at once.
    pub(crate) const fn now(&self) -> usize {
        self.now
    }

    /// The place of a request that leaves as the `number`-th at once.
    pub(crate) const fn place(&self, number: usize) -> Place {
        Place { number, cuts: self.cuts }
    }

    /// One was answered while `demand` were under way or waited. Only who has demand learns whether more is borne.
    pub(crate) fn answered(&mut self, place: Place, demand: usize) {
        self.proved = self.proved.max(place.number);
        if demand < self.now {
            return;
        }
        self.answers += 1;
        if let Some(ceiling) = self.ceiling
            && self.now >= ceiling
        {
            // A whole round at the ceiling, and the one that was under way before it, went well.
            if self.answers >= 2 * self.now {
                self.ceiling = Some(self.now + 1);
                self.patience = (self.patience / EASIER).max(1);
                self.answers = 0;
            }
            return;
        }
        let rounds = match self.ceiling {
            Some(ceiling) if self.now + 1 >= ceiling => self.patience,
            _ => 1,
        };
        let farthest = self.bounds.most.min(self.proved + (self.proved / 2).max(1));
        let enough = rounds.saturating_mul(self.now);
        let wider = if self.now < self.fast_below {
            self.now + self.answers
        } else {
            self.now + usize::from(self.answers >= enough)
        };
        let wider = wider.min(farthest);
        if wider > self.now {
            self.now = wider;
            self.answers = 0;
        }
    }

    /// The service said that this was too much. Whether the limit is smaller now.
    pub(crate) fn refused(&mut self, place: Place) -> bool {
        let tried = self.ceiling.is_some_and(|ceiling| self.now >= ceiling);
        let cut = place.cuts == self.cuts;
        let before = self.now;
        if cut {
            self.patience = if tried { (self.patience * 2).clamp(PATIENCE, MOST_PATIENCE) } else { PATIENCE };
            self.cut_to(self.now / 2);
        }
        // Requests overtake each other, so the number says a little less than it seems to.
        let ceiling = self.ceiling.map_or(place.number, |known| known.min(place.number));
        self.ceiling = Some(ceiling.max(self.now + 1));
        self.now < before
    }

    /// The service did not answer. Whether the limit is smaller now.
    pub(crate) fn broke(&mut self, place: Place) -> bool {
        place.cuts == self.cuts && self.cut_to(self.now / 2)
    }

    /// The service takes longer than it took lately. Whether the limit is smaller now.
    pub(crate) fn slowed(&mut self, place: Place) -> bool {
        place.cuts == self.cuts && self.cut_to(self.now - self.now.div_ceil(4))
    }

    fn cut_to(&mut self, target: usize) -> bool {
        let target = target.max(self.bounds.least);
        let smaller = target < self.now;
        self.now = target;
        self.fast_below = target;
        self.proved = target;
        self.answers = 0;
        self.cuts += 1;
        smaller
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(least: usize, most: usize, start: usize) -> Limit {
        Limit::new(Bounds { least, most, start })
    }

    /// So many requests, as many at once as the limit allows, against a service that bears `bears` at once: how many
    /// were refused, and how many rounds it took.
    fn ask(limit: &mut Limit, requests: usize, bears: usize) -> (usize, usize) {
        let (mut left, mut refused, mut rounds) = (requests, 0, 0);
        while left > 0 {
            rounds += 1;
            let at_once = limit.now().min(left);
            let places: Vec<Place> = (1..=at_once).map(|number| limit.place(number)).collect();
            for place in places {
                if place.number > bears {
                    refused += 1;
                    limit.refused(place);
                    continue;
                }
                left -= 1;
                limit.answered(place, at_once.max(left));
            }
        }
        (refused, rounds)
    }

    #[test]
    fn it_grows_fast_up_to_its_bound_while_there_is_demand() {
        let mut busy = limit(1, 64, 4);
        let (refused, rounds) = ask(&mut busy, 1_000, 1_000);
        assert_eq!((busy.now(), refused), (64, 0));
        assert!(rounds <= 1_000_usize.div_ceil(64) + 6, "a fleet of a thousand loses six rounds: {rounds}");
        let mut small = limit(1, 16, 4);
        let (_, rounds) = ask(&mut small, 1_000, 1_000);
        assert!(rounds <= 1_000_usize.div_ceil(16) + 2, "{rounds}");
    }

    #[test]
    fn a_ceiling_is_found_with_few_refusals_and_seldom_tried_again() {
        for bears in [1, 2, 3, 4, 5, 7, 12, 15] {
            let mut limit = limit(1, 16, 4);
            let (refused, _) = ask(&mut limit, 300, bears);
            assert!(refused <= 6, "{bears}: {refused} of 300 in the beginning");
            let (refused, rounds) = ask(&mut limit, 3_000, bears);
            assert!(refused * 100 <= 3_000, "{bears}: {refused} of 3000");
            let ideal = 3_000_usize.div_ceil(bears);
            assert!(rounds * 10 <= ideal * 12, "{bears}: {rounds} rounds instead of {ideal}");
        }
    }

    #[test]
    fn a_crowd_that_is_refused_is_one_refusal() {
        let mut limit = limit(1, 64, 32);
        let crowd: Vec<Place> = (1..=32).map(|number| limit.place(number)).collect();
        assert!(limit.refused(crowd[31]));
        assert!(crowd.iter().all(|place| !limit.refused(*place)));
        assert_eq!(limit.now(), 16);
        assert!(limit.refused(limit.place(16)));
        assert_eq!(limit.now(), 8);
    }

    #[test]
    fn a_ceiling_that_is_gone_is_forgotten_faster_and_faster() {
        let mut limit = limit(1, 16, 16);
        assert!(limit.refused(limit.place(5)));
        assert_eq!(limit.now(), 8, "what was refused below half of it was overtaken");
        ask(&mut limit, 8 * PATIENCE + 200, 1_000);
        assert!(limit.now() >= 9, "{}", limit.now());
        ask(&mut limit, 16 * PATIENCE, 1_000);
        assert_eq!(limit.now(), 16);
    }

    #[test]
    fn what_breaks_or_slows_down_is_asked_less_and_recovers() {
        let mut limit = limit(2, 16, 16);
        assert!(limit.slowed(limit.place(1)));
        assert_eq!(limit.now(), 12);
        for expected in [6, 3, 2] {
            assert!(limit.broke(limit.place(1)));
            assert_eq!(limit.now(), expected);
        }
        assert!(!limit.broke(limit.place(1)), "less than the least is none");
        ask(&mut limit, 400, 1_000);
        assert_eq!(limit.now(), 16);
    }

    #[test]
    fn without_demand_nothing_is_learnt() {
        let mut limit = limit(1, 64, 4);
        (0..1_000).for_each(|_| limit.answered(limit.place(3), 3));
        assert_eq!(limit.now(), 4);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(steps in prop::collection::vec((0_u8..5, 0_usize..80), 0..400)) {
            let mut limit = limit(2, 20, 4);
            let mut old = limit.place(1);
            for (what, number) in steps {
                let place = limit.place(number + 1);
                match what {
                    0 => limit.answered(place, number),
                    1 => _ = limit.refused(place),
                    2 => _ = limit.broke(place),
                    3 => _ = limit.slowed(old),
                    _ => old = place,
                }
                prop_assert!((2..=20).contains(&limit.now()));
            }
        }
    }
}
