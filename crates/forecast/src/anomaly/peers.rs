//! Which one of many is odd: a client or a cell that goes another way than its peers.
//!
//! A table's crowd lifts all; what is looked for here is one that rises or falls alone. Each member's load
//! of the last minutes is compared with its own of the last half hour, as a logarithm, so that large
//! and small ones compare; the growth less the peers' median is divided by the peers' robust spread
//! (median absolute deviation, Hampel 1974) or, if that is more, by what counts of requests vary by
//! themselves (the delta method: a logarithm of n of them by 1/√n). Who is always larger than the others is not odd,
//! nor who does what everybody does. An oddity is over when the growth is back among its peers', or has
//! lasted so long that it has become the level.

use super::{Anomaly, AnomalyKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a [`PeerWatch`] judges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerSettings {
    /// So many robust standard deviations from the peers are odd.
    pub z_min: f64,
    /// And so many times the peers' growth, or this part of it.
    pub ratio_min: f64,
    /// A load that matters, per second: a member must reach it, or come from it.
    pub load_min: f64,
    /// With fewer peers that have load nobody is odd.
    pub peers_min: usize,
    /// So many minutes in a row are needed.
    pub minutes_min: u32,
    /// After this long, an oddity has become the level.
    pub lasts_minutes_max: u32,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            z_min: 7.0,
            ratio_min: 3.0,
            load_min: 1.0,
            peers_min: 5,
            minutes_min: 2,
            lasts_minutes_max: 180,
        }
    }
}

/// What one member did in a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeerLoad<K> {
    /// Who.
    pub key: K,
    /// Its load, per second.
    pub load: f64,
    /// How many requests were counted for it, of which the load is an estimate.
    pub counted: f64,
    /// Up to which load it was announced.
    pub announced: Option<f64>,
}

/// An oddity that began or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerChange<K> {
    /// Who.
    pub key: K,
    /// What is known of it; over if it has an end. `level` is the member's own before, `extreme` the
    /// furthest minute so far.
    pub anomaly: Anomaly,
}

const MINUTE_MS: i64 = 60_000;
/// What a new minute counts in the recent load, and in the level.
const RECENT: f64 = 0.4;
const LEVEL: f64 = 1.0 / 30.0;
/// A minute moves the level as if it were no further from it than this factor: else a crowd would be
/// its own yardstick within minutes.
const LEVEL_STEP_MAX: f64 = 1.5;
/// Minutes before anybody is judged.
const MINUTES_SEEN_MIN: u32 = 30;
/// A load so small a part of what matters does not make a ratio large.
const LITTLE: f64 = 0.1;
/// Below these it is over: in deviations, and as a logarithm's part of the least ratio.
const Z_CALM: f64 = 3.0;
/// Half of the ratio, as a logarithm, must be left.
const CALM_PART: f64 = 0.5;
/// A member with so little of what matters, lately and before, is forgotten.
const FORGOTTEN: f64 = 1e-3;
/// Of a normal distribution, the standard deviation over the median absolute deviation.
const DEVIATIONS_PER_MAD: f64 = 1.4826;

/// Watches the members of one group, minute by minute.
#[derive(Clone, Debug)]
pub struct PeerWatch<K> {
    settings: PeerSettings,
    members: BTreeMap<K, Member>,
    minutes: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    recent: f64,
    level: f64,
    /// Requests behind the two.
    recent_counted: f64,
    level_counted: f64,
    now: f64,
    announced: bool,
    odd_minutes: u32,
    present: Option<Anomaly>,
    lasted: u32,
}

impl Member {
    fn take(&mut self, load: f64, counted: f64, announced: Option<f64>, first: bool, little: f64) {
        let weights = if first { [1.0, 1.0] } else { [RECENT, LEVEL] };
        self.now = load;
        self.recent += weights[0] * (load - self.recent);
        // While it is odd its level is the one before.
        if self.present.is_none() && self.odd_minutes == 0 {
            let near = match first {
                true => load,
                false => {
                    load.clamp(self.level / LEVEL_STEP_MAX, self.level * LEVEL_STEP_MAX + little)
                }
            };
            self.level += weights[1] * (near - self.level);
        }
        // As many minutes as the weights reach over, on average.
        self.recent_counted = (1.0 - RECENT) * self.recent_counted + counted;
        self.level_counted = (1.0 - LEVEL) * self.level_counted + counted;
        self.announced = announced.is_some_and(|announced| load <= announced);
    }

    fn matters(&self, settings: &PeerSettings) -> bool {
        self.recent.max(self.level) >= settings.load_min
    }

    fn growth(&self, settings: &PeerSettings) -> f64 {
        let little = LITTLE * settings.load_min;
        ((self.recent + little) / (self.level + little)).ln()
    }

    fn variance(&self) -> f64 {
        1.0 / (self.recent_counted + 1.0) + 1.0 / (self.level_counted + 1.0)
    }
}

impl<K: Ord + Clone> PeerWatch<K> {
    /// A watch that has seen nothing.
    pub fn new(settings: &PeerSettings) -> Self {
        Self { settings: settings.clone(), members: BTreeMap::new(), minutes: 0 }
    }

    /// Takes the minute that began at `start_ms`: every member that had load. Who is not named had none.
    pub fn push(&mut self, start_ms: i64, loads: &[PeerLoad<K>]) -> Vec<PeerChange<K>> {
        let first = self.minutes == 0;
        let little = LITTLE * self.settings.load_min;
        let named: BTreeMap<&K, &PeerLoad<K>> =
            loads.iter().map(|load| (&load.key, load)).collect();
        for load in loads {
            self.members.entry(load.key.clone()).or_default();
        }
        for (key, member) in &mut self.members {
            match named.get(key) {
                Some(it) => member.take(it.load, it.counted, it.announced, first, little),
                None => member.take(0.0, 0.0, None, first, little),
            }
        }
        self.minutes = self.minutes.saturating_add(1);
        let forgotten = FORGOTTEN * self.settings.load_min;
        self.members.retain(|_, member| {
            member.recent.max(member.level) > forgotten || member.present.is_some()
        });
        if self.minutes < MINUTES_SEEN_MIN { Vec::new() } else { self.judge(start_ms) }
    }

    fn judge(&mut self, start_ms: i64) -> Vec<PeerChange<K>> {
        let settings = &self.settings;
        let peers = self.members.values().filter(|member| member.level >= settings.load_min);
        let mut growths: Vec<f64> = peers.map(|member| member.growth(settings)).collect();
        let enough = growths.len() >= settings.peers_min;
        let median = median(&mut growths);
        growths.iter_mut().for_each(|growth| *growth = (*growth - median).abs());
        let spread = DEVIATIONS_PER_MAD * self::median(&mut growths);
        let mut changes = Vec::new();
        for (key, member) in &mut self.members {
            let apart = member.growth(settings) - median;
            let z = apart / spread.max(member.variance().sqrt());
            let change = match member.present {
                Some(present) => go_on(member, present, apart, z, start_ms, settings),
                None if enough => begin(member, apart, z, start_ms, settings),
                None => None,
            };
            changes.extend(change.map(|anomaly| PeerChange { key: key.clone(), anomaly }));
        }
        changes
    }
}

fn begin(
    member: &mut Member,
    apart: f64,
    z: f64,
    start_ms: i64,
    settings: &PeerSettings,
) -> Option<Anomaly> {
    let far = z.abs() >= settings.z_min && apart.abs() >= settings.ratio_min.ln();
    if !far || member.announced || !member.matters(settings) {
        member.odd_minutes = 0;
        return None;
    }
    member.odd_minutes += 1;
    if member.odd_minutes < settings.minutes_min {
        return None;
    }
    let kind = if apart > 0.0 { AnomalyKind::FlashCrowd } else { AnomalyKind::Drop };
    let anomaly = Anomaly {
        kind,
        start_ms: start_ms - MINUTE_MS * i64::from(member.odd_minutes - 1),
        end_ms: None,
        level: member.level,
        extreme: member.now,
        z,
    };
    (member.present, member.lasted) = (Some(anomaly), member.odd_minutes);
    member.odd_minutes = 0;
    Some(anomaly)
}

fn go_on(
    member: &mut Member,
    mut present: Anomaly,
    apart: f64,
    z: f64,
    start_ms: i64,
    settings: &PeerSettings,
) -> Option<Anomaly> {
    member.lasted += 1;
    if z.abs() > present.z.abs() && z.signum() == present.z.signum() {
        (present.extreme, present.z) = (member.now, z);
    }
    member.present = Some(present);
    let calm = z.abs() < Z_CALM || apart.abs() < CALM_PART * settings.ratio_min.ln();
    if !calm && member.lasted < settings.lasts_minutes_max {
        return None;
    }
    (member.present, member.level) = (None, member.recent);
    Some(Anomaly { end_ms: Some(start_ms), ..present })
}

/// The upper median; of nothing, 0.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Twenty members, from 2 to 60 requests a second, whose counts vary; `factor` says what each does.
    fn play(
        seed: u64,
        minutes: i64,
        factor: impl Fn(i64, usize) -> f64,
    ) -> Vec<(i64, PeerChange<usize>)> {
        let mut random = Random::new(seed);
        let mut noise = || (0..12).map(|_| f64::from(random.uniform())).sum::<f64>() / 2.0;
        let mut watch = PeerWatch::new(&PeerSettings::default());
        let mut changes = Vec::new();
        for minute in 0..minutes {
            let load = |member: usize| {
                let mean = 60.0 * (2.0 + 3.0 * member as f64) * factor(minute, member);
                let counted = (mean + mean.sqrt() * noise()).max(0.0);
                PeerLoad { key: member, load: counted / 60.0, counted, announced: None }
            };
            let loads: Vec<_> = (0..20).map(load).collect();
            let found = watch.push(minute * MINUTE_MS, &loads);
            changes.extend(found.into_iter().map(|change| (minute, change)));
        }
        changes
    }

    #[test]
    fn one_that_rises_alone_is_odd_and_so_is_one_that_falls_silent() {
        for seed in 1..20 {
            let factor = |minute, member| match (minute, member) {
                (100..130, 3) => 5.0,
                (100..130, 7) => 0.1,
                _ => 1.0,
            };
            let changes = play(seed, 200, factor);
            let began = |member| {
                let of = |(_, change): &&(i64, PeerChange<usize>)| change.key == member;
                changes.iter().find(of).expect("found").clone()
            };
            let (crowd, silence) = (began(3), began(7));
            assert!((101..=104).contains(&crowd.0) && (101..=109).contains(&silence.0), "{seed}");
            assert_eq!(crowd.1.anomaly.kind, AnomalyKind::FlashCrowd);
            assert_eq!(silence.1.anomaly.kind, AnomalyKind::Drop);
            assert!((crowd.1.anomaly.level - 11.0).abs() < 2.0, "its own level: {crowd:?}");
            let ends = changes.iter().filter(|(_, change)| change.anomaly.end_ms.is_some());
            let ends: Vec<i64> = ends.map(|(minute, _)| *minute).collect();
            assert_eq!(ends.len(), 2, "seed {seed}: {changes:?}");
            assert!(ends.iter().all(|end| (130..145).contains(end)), "seed {seed}: {ends:?}");
            assert_eq!(changes.len(), 4, "nobody else: {changes:?}");
        }
    }

    #[test]
    fn what_all_do_is_not_odd_nor_is_a_day_of_the_usual() {
        let crowd = |minute, _| if (100..130).contains(&minute) { 5.0 } else { 1.0 };
        // Every member has its own hour, as tenants in other time zones have.
        let day = |minute: i64, member: usize| {
            let phase = minute as f64 / 1_440.0 + member as f64 / 20.0;
            (1.2 * (std::f64::consts::TAU * phase).sin()).exp()
        };
        for seed in 1..6 {
            assert_eq!(play(seed, 300, crowd), [], "seed {seed}");
            assert_eq!(play(seed, 4 * 1_440, day), [], "seed {seed}");
        }
    }

    #[test]
    fn a_newcomer_with_load_is_odd_unless_it_was_announced_or_has_no_peers() {
        let settings = PeerSettings::default();
        for (announced, members, odd) in [(None, 8, true), (Some(80.0), 8, false), (None, 2, false)]
        {
            let mut watch = PeerWatch::new(&settings);
            let mut found = Vec::new();
            for minute in 0..60 {
                let of = |key, load| PeerLoad { key, load, counted: 60.0 * load, announced };
                let mut loads: Vec<_> = (0..members).map(|key| of(key, 10.0)).collect();
                if minute >= 45 {
                    loads.push(of(100, 50.0));
                }
                found.extend(watch.push(minute * MINUTE_MS, &loads));
            }
            let keys: Vec<i32> = found.iter().map(|change| change.key).collect();
            assert_eq!(keys, if odd { vec![100] } else { vec![] });
        }
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut watch = PeerWatch::new(&PeerSettings::default());
        for minute in 0..2_000_i64 {
            let load = PeerLoad { key: minute / 10, load: 1.0, counted: 60.0, announced: None };
            watch.push(minute * MINUTE_MS, &[load]);
        }
        assert!(watch.members.len() < 60, "{}", watch.members.len());
    }
}
